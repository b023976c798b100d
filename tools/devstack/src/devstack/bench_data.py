"""A Centre with as many complaints as years bring, made of our own sentences in a few minutes.

The rows are made inside PostgreSQL, without its indexes, which are built again at the end. Their texts are put together
from parts whose skeletons are known, so that each row's searched text is what the service itself would have written.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from center1111.intake.rules import search_text, text_sketch
from center1111.records import ARTICLES_SEARCH
from servicekit.database import Sessions
from servicekit.ids import uuid7
from thaikit.search import Field, index_documents

ARTICLES_AT_ONCE: Final = 200
# The newest complaints are in work, the others are done.
_IN_WORK: Final = 0.08

_OPENINGS: Final = (
    "ข้าพเจ้าเป็นกรรมการชุมชน",
    "ในฐานะตัวแทนชาวบ้าน",
    "ดิฉันเป็นอาสาสมัครสาธารณสุขประจำหมู่บ้าน",
    "ผมเป็นประธานกลุ่มออมทรัพย์",
    "กลุ่มแม่บ้านเกษตรกรขอแจ้งว่า",
    "ผู้สูงอายุในหมู่บ้านหลายรายแจ้งว่า",
    "เมื่อสัปดาห์ที่แล้วที่ประชุมประชาคมเห็นว่า",
    "ครูโรงเรียนบ้านเราพบว่า",
    "สมาชิกกองทุนหมู่บ้านร้องเรียนว่า",
    "ผู้ใหญ่บ้านมอบหมายให้แจ้งว่า",
    "ตามที่เคยโทรแจ้งสายด่วนไว้",
    "ขอร้องเรียนโดยไม่เปิดเผยชื่อว่า",
)
_MATTERS: Final = (
    "ยังไม่ได้รับโอนเงินงบประมาณงวดที่สอง",
    "เครื่องสีข้าวชุมชนชำรุดใช้งานไม่ได้",
    "บ่อบาดาลที่ขุดตามโครงการไม่มีน้ำ",
    "รายชื่อผู้เข้าประชุมในรายงานไม่ตรงกับความจริง",
    "มีผู้อ้างเป็นตัวแทนโครงการเรียกเก็บค่าดำเนินการ",
    "ราคาปุ๋ยอินทรีย์ที่จัดซื้อสูงกว่าท้องตลาด",
    "เอกสารเสนอโครงการสูญหายระหว่างทาง",
    "แผงโซลาร์เซลล์ที่ติดตั้งใช้ได้เพียงเดือนเดียว",
    "ไม่ทราบผลการพิจารณาโครงการที่ยื่นไว้",
    "ต้องการเปลี่ยนแปลงโครงการจากเลี้ยงโคเป็นโรงปุ๋ย",
    "กรรมการชุมชนลาออกทำให้เบิกเงินไม่ได้",
    "ธนาคารปฏิเสธการเปิดบัญชีของชุมชน",
    "ไม่มีการปิดประกาศบัญชีรายรับรายจ่าย",
    "การฝึกอบรมบัญชีครัวเรือนถูกเลื่อนหลายครั้ง",
    "คู่มือโครงการอ่านยากและไม่มีตัวอย่าง",
    "ลานตากข้าวก่อสร้างไม่ได้มาตรฐาน",
    "ประปาหมู่บ้านขุ่นและมีกลิ่น",
    "โรงเรือนเพาะเห็ดพังจากพายุ",
    "ผู้รับเหมาทิ้งงานก่อสร้างศาลาเอนกประสงค์",
    "เงินสมทบของชุมชนไม่ครบตามสัญญา",
    "ถูกกีดกันไม่ให้เข้าร่วมประชุมประชาคม",
    "พบการปลอมลายมือชื่อในเอกสารเบิกจ่าย",
    "ขอทราบระเบียบการใช้เงินเหลือจ่าย",
    "เว็บไซต์ของสำนักงานเข้าใช้งานไม่ได้",
    "สื่อประชาสัมพันธ์แจ้งวันรับสมัครผิด",
    "เจ้าหน้าที่ให้ข้อมูลไม่ตรงกันในแต่ละครั้ง",
    "ยังไม่มีใครมาตรวจติดตามผลตามกำหนด",
    "ศูนย์เรียนรู้เศรษฐกิจพอเพียงปิดโดยไม่แจ้ง",
    "ปลาดุกที่แจกให้เลี้ยงตายยกบ่อ",
    "วัวที่จัดซื้อเป็นโรคปากเท้าเปื่อย",
)
_REQUESTS: Final = (
    "จึงขอให้ตรวจสอบโดยด่วน",
    "ขอทราบกำหนดการที่แน่นอน",
    "ขอให้ส่งเจ้าหน้าที่ลงพื้นที่",
    "ขอคำแนะนำว่าต้องทำอย่างไร",
    "โปรดแจ้งผลทางจดหมาย",
    "ขอให้ดำเนินการตามกฎหมาย",
    "ขอสำเนาเอกสารที่เกี่ยวข้อง",
    "ขอความเป็นธรรมให้ชาวบ้าน",
    "หากพ้นเดือนนี้จะเดือดร้อนมาก",
    "ขอให้โทรกลับหาผู้ประสานงาน",
)
_SYLLABLES: Final = (
    "หนอง",
    "โคก",
    "ดอน",
    "ห้วย",
    "นา",
    "ท่า",
    "โนน",
    "คลอง",
    "วัง",
    "บึง",
    "เขา",
    "สวน",
    "ทุ่ง",
    "บาง",
    "ปาก",
    "แก่ง",
    "ไผ่",
    "ขาม",
    "ยาง",
    "แดง",
    "ใหญ่",
    "งาม",
    "ม่วง",
    "ทอง",
    "แก้ว",
    "สว่าง",
    "ขวาง",
    "พลับ",
    "มะกอก",
    "สะแก",
    "กระทุ่ม",
    "ตาล",
)
PROVINCES: Final = (
    "ลำพูน",
    "เชียงใหม่",
    "ขอนแก่น",
    "นครราชสีมา",
    "อุบลราชธานี",
    "สงขลา",
    "ราชบุรี",
    "ชลบุรี",
    "พิษณุโลก",
    "สุรินทร์",
    "ร้อยเอ็ด",
    "นครศรีธรรมราช",
    "เพชรบูรณ์",
    "กาญจนบุรี",
    "เลย",
    "น่าน",
    "ตรัง",
    "ยโสธร",
    "สระบุรี",
    "พัทลุง",
)

_PARTS: Final[Mapping[str, Sequence[str]]] = {
    "opening": _OPENINGS,
    "matter": _MATTERS,
    "request": _REQUESTS,
    "community": tuple(f"บ้าน{one}{other}" for one, other in product(_SYLLABLES, repeat=2) if one != other),
    "province": PROVINCES,
}

# One row of `made` a complaint; hashes of its number choose its parts, the same in every run.
_MADE: Final = """
CREATE TEMPORARY TABLE made AS
SELECT
    i, uuidv7(moment - now()) AS id, moment,
    CASE
        WHEN i > :rows * (1 - :in_work) AND h3 % 10 < 3 THEN 'received'
        WHEN i > :rows * (1 - :in_work) AND h3 % 10 < 5 THEN 'verified'
        WHEN i > :rows * (1 - :in_work) AND h3 % 10 < 7 THEN 'referred'
        WHEN i > :rows * (1 - :in_work) THEN 'answered'
        WHEN h3 % 100 < 4 THEN 'refused'
        WHEN h3 % 100 < 5 THEN 'withdrawn'
        ELSE 'closed'
    END AS state,
    (ARRAY['letter', 'hotline', 'hotline', 'walk_in', 'website', 'website'])[1 + h4 % 6] AS channel,
    (ARRAY['complaint', 'complaint', 'inquiry', 'suggestion', 'request'])[1 + h5 % 5] AS kind,
    matter.text || ' ' || community.text AS subject,
    opening.text || matter.text || 'ที่' || community.text || ' ' || other.text || ' ' || request.text
        || ' เลขที่โครงการ ' || i AS details,
    matter.skeleton || ' ' || community.skeleton || E'\\n' || opening.skeleton || matter.skeleton || 'ที'
        || community.skeleton || ' ' || other.skeleton || ' ' || request.skeleton || ' เลขทีโครงการ ' || i AS searched,
    opening.sketch[1:4] || matter.sketch[1:6] || other.sketch[1:6] || community.sketch[1:4]
        || ARRAY[h1::integer, h2::integer] AS sketch,
    community.text AS community,
    province.text AS province,
    h6, h7
FROM (
    SELECT
        i, now() - (:rows - i) * interval '3 years' / :rows AS moment,
        abs(hashint8extended(i, 1)) % 2000000000 AS h1, abs(hashint8extended(i, 2)) % 2000000000 AS h2,
        abs(hashint8extended(i, 3)) AS h3, abs(hashint8extended(i, 4)) AS h4, abs(hashint8extended(i, 5)) AS h5,
        abs(hashint8extended(i, 6)) AS h6, abs(hashint8extended(i, 7)) AS h7
    FROM generate_series(1, :rows) AS i
) AS numbered
JOIN parts AS opening ON opening.kind = 'opening' AND opening.n = h1 % :opening
JOIN parts AS matter ON matter.kind = 'matter' AND matter.n = h2 % :matter
JOIN parts AS other ON other.kind = 'matter' AND other.n = h3 % :matter
JOIN parts AS request ON request.kind = 'request' AND request.n = h4 % :request
JOIN parts AS community ON community.kind = 'community' AND community.n = h5 % :community
JOIN parts AS province ON province.kind = 'province' AND province.n = h6 % :province
ORDER BY i
"""
_ROWS: Final = (
    """
    INSERT INTO complaints (
        id, version, tracking_number, tracking_secret_digest, state, channel, kind, subject, details, search_text,
        text_sketch, confidential, province, district, community, evidence, received_at, recorded_at, recorded_by,
        due_at, verify_due_at, tell_due_at, changed_at, verified_at, verified_by, refusal_ground, answered_at,
        answer_origin, work_group, closed_at, repeat_writer
    )
    SELECT
        id, 1, '1111-2500-' || lpad(i::text, 8, '0'), sha256(i::text::bytea), state, channel, kind, subject, details,
        searched, sketch, h7 % 10 = 0, province, 'เมือง' || province, community, '{}', moment, moment, 'bench',
        moment + interval '21 days', moment + interval '5 days',
        CASE WHEN state IN ('answered', 'closed') THEN moment + interval '14 days' END, moment,
        CASE WHEN state NOT IN ('received', 'withdrawn') THEN moment + interval '1 day' END,
        CASE WHEN state NOT IN ('received', 'withdrawn') THEN 'bench' END,
        CASE WHEN state = 'refused' THEN 'before_the_courts' END,
        CASE WHEN state IN ('answered', 'closed') THEN moment + interval '9 days' END,
        CASE WHEN state IN ('answered', 'closed') THEN CASE WHEN h7 % 3 = 0 THEN 'referral' ELSE 'centre' END END,
        CASE WHEN state IN ('answered', 'closed', 'referred') AND h7 % 3 = 0 THEN
            (ARRAY['information', 'participation', 'administration', 'audit', 'academic'])[1 + h6 % 5] END,
        CASE WHEN state = 'closed' THEN moment + interval '30 days' END, h7 % 500 = 0
    FROM made
    """,
    """
    INSERT INTO complainants (complaint_id, first_name, phone)
    SELECT id, 'ผู้ร้อง', '+668' || lpad((h7 % 100000000)::text, 8, '0') FROM made
    """,
    """
    INSERT INTO complainant_marks (mark, complaint_id, kind)
    SELECT substr(sha256((h7 % 700000)::text::bytea), 1, 16), id, 'phone' FROM made
    """,
    """
    INSERT INTO complaint_history (id, complaint_id, at, by, move, from_state, to_state)
    SELECT id, id, moment, 'bench', 'register', NULL, 'received' FROM made
    UNION ALL
    SELECT uuidv7(moment - now()), id, moment + interval '1 day', 'bench', 'accept', 'received', 'verified' FROM made
    WHERE state NOT IN ('received', 'withdrawn', 'refused')
    """,
    """
    INSERT INTO answers (id, complaint_id, version, origin, text, answered_at, answered_by, recorded_at)
    SELECT id, id, 1, 'centre', details, moment + interval '9 days', 'bench', moment + interval '9 days' FROM made
    WHERE state IN ('answered', 'closed') AND h7 % 3 <> 0
    """,
    """
    INSERT INTO referrals (
        id, version, complaint_id, ordinal, number, "to", question, state, referred_at, referred_by, due_at, changed_at,
        answered_at, answer_version
    )
    SELECT
        id, 1, id, 1, '1111-2500-' || lpad(i::text, 8, '0') || '/1', 'chumchon', subject,
        CASE WHEN state = 'referred' THEN 'accepted' ELSE 'answered' END, moment + interval '1 day', 'bench',
        moment + interval '22 days', moment + interval '1 day',
        CASE WHEN state <> 'referred' THEN moment + interval '9 days' END, CASE WHEN state <> 'referred' THEN 1 END
    FROM made WHERE state = 'referred' OR (state IN ('answered', 'closed') AND h7 % 3 = 0)
    """,
)
_FILLED: Final = ("complaints", "complainants", "complainant_marks", "complaint_history", "answers", "referrals")


def load_complaints(session: Session, rows: int) -> None:
    """Make so many complaints, with complainants, histories, answers and referrals, in a migrated empty database."""
    session.execute(sa.text("SET LOCAL session_replication_role = replica"))  # foreign keys hold by construction
    session.execute(sa.text("SET LOCAL maintenance_work_mem = '1GB'"))
    session.execute(sa.text("SET LOCAL work_mem = '256MB'"))
    session.execute(
        sa.text("CREATE TEMPORARY TABLE parts (kind text, n integer, text text, skeleton text, sketch int[])")
    )
    session.execute(
        sa.text("INSERT INTO parts VALUES (:kind, :n, :text, :skeleton, :sketch)"),
        [
            {"kind": kind, "n": n, "text": text, "skeleton": skeleton, "sketch": text_sketch(skeleton)}
            for kind, texts in _PARTS.items()
            for n, text in enumerate(texts)
            for skeleton in (search_text("", text).strip(),)
        ],
    )
    session.execute(sa.text("ANALYZE parts"))
    sizes = {kind: len(texts) for kind, texts in _PARTS.items()}
    session.execute(sa.text(_MADE), {"rows": rows, "in_work": _IN_WORK, **sizes})
    indexes = session.execute(
        sa.text(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indrelid::regclass::text = ANY(:tables) AND NOT indisunique"
        ),
        {"tables": list(_FILLED)},
    ).all()
    for name, _ in indexes:
        session.execute(sa.text(f"DROP INDEX {name}"))
    for statement in _ROWS:
        session.execute(sa.text(statement))
    for _, definition in indexes:
        session.execute(sa.text(definition))
    session.execute(sa.text("DROP TABLE made, parts"))


def articles(count: int) -> Iterator[tuple[str, str]]:
    """Questions and answers of so many articles, no two alike."""
    chance = random.Random(2569)  # noqa: S311  # the same in every run
    communities = _PARTS["community"]
    for number in range(count):
        matter, other = chance.sample(_MATTERS, 2)
        yield (
            f"{matter} {chance.choice(communities)} ต้องทำอย่างไร",
            (
                f"กรณี{matter} ให้แจ้งชื่อชุมชนและเลขที่โครงการ {chance.choice(_REQUESTS)} หาก{other}"
                f" ให้ติดต่อสำนักงานภายใน {1 + number % 45} วันทำการ {chance.choice(communities)}"
            ),
        )


def load_articles(sessions: Sessions, count: int) -> None:
    """Publish so many articles, searchable, as the knowledge base does it."""
    pending: list[tuple[UUID, str, str]] = []
    for question, answer in articles(count):
        pending.append((uuid7(), question, answer))
        if len(pending) == ARTICLES_AT_ONCE:
            _publish(sessions, pending)
            pending.clear()
    _publish(sessions, pending)


def _publish(sessions: Sessions, pending: Sequence[tuple[UUID, str, str]]) -> None:
    if not pending:
        return
    rows = [{"id": id_, "question": question, "answer": answer} for id_, question, answer in pending]
    with sessions.begin() as session:
        session.execute(
            sa.text(
                "INSERT INTO articles (id, version, state, question, answer, topic, keywords, number, published_number,"
                " created_at, changed_at) VALUES (:id, 1, 'published', :question, :answer, 'follow_up', '{}', 1, 1,"
                " now(), now())"
            ),
            rows,
        )
        session.execute(
            sa.text(
                "INSERT INTO article_versions (article_id, number, question, answer, keywords, author, written_at,"
                " published_at, published_by)"
                " VALUES (:id, 1, :question, :answer, '{}', 'author', now(), now(), 'editor')"
            ),
            rows,
        )
        index_documents(
            session,
            ARTICLES_SEARCH,
            {id_: [Field(question, 3.0), Field(answer)] for id_, question, answer in pending},
        )
