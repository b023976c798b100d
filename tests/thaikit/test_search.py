"""Thai full-text search, on a small corpus written for it."""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from servicekit.database import Query, Sessions
from thaikit.search import (
    CANDIDATES,
    Field,
    SearchIndex,
    SearchQuery,
    index_all_again,
    index_document,
    index_documents,
    removal_1,
    remove_documents,
    search_statement,
)

ARTICLES: Mapping[str, tuple[str, str]] = {
    "transfer": (
        "เงินโครงการงวดที่สองจะโอนเมื่อใด",
        "สำนักงานโอนเงินงวดที่สองภายในสามสิบวันหลังจากชุมชนส่งรายงานผลงวดแรกและใบเสร็จครบถ้วน เข้าบัญชีธนาคารที่เปิดไว้",
    ),
    "account": (
        "เปลี่ยนบัญชีธนาคารของโครงการได้หรือไม่",
        "ได้ โดยให้คณะกรรมการมีมติและส่งสำเนาหน้าสมุดบัญชีเล่มใหม่พร้อมหนังสือแจ้งเหตุผล",
    ),
    "training": (
        "สมัครฝึกอบรมผู้นำชุมชนอย่างไร",
        "กรอกใบสมัครทางเว็บไซต์ก่อนวันที่สิบห้าของเดือน ค่าเดินทางและที่พักสำนักงานเป็นผู้จ่าย",
    ),
    "agenda": (
        "วาระการประชุมคณะกรรมการต้องส่งล่วงหน้ากี่วัน",
        "ฝ่ายเลขานุการส่งระเบียบวาระถึงกรรมการก่อนวันประชุมไม่น้อยกว่าเจ็ดวันทำการ",
    ),
    "fraud": (
        "พบการทุจริตในโครงการต้องทำอย่างไร",
        "แจ้งเบาะแสได้ที่สายด่วน 1111 หรือทางจดหมาย ผู้แจ้งขอปกปิดชื่อได้ สำนักงานจะตั้งคณะกรรมการตรวจสอบข้อเท็จจริง",
    ),
    "farming": (
        "เกษตรทฤษฎีใหม่แบ่งพื้นที่อย่างไร",
        "แบ่งเป็นสระน้ำ นาข้าว พืชสวน และที่อยู่อาศัย ในอัตราส่วน 30:30:30:10 ตามหลักเศรษฐกิจพอเพียง",
    ),
    "password": (
        "ลืมรหัสผ่านเข้าระบบสารสนเทศ",
        "กดปุ่มลืมรหัสผ่านแล้วทำตามอีเมลที่ได้รับ หากไม่ได้รับอีเมลให้โทรหากลุ่มงานสารสนเทศ",
    ),
}


@pytest.fixture
def ids(session: Session, index: SearchIndex) -> dict[str, UUID]:
    """The corpus, indexed: a name for each article, and its id."""
    made = {name: uuid4() for name in ARTICLES}
    index_documents(
        session,
        index,
        {made[name]: [Field(question, 2.0), Field(answer)] for name, (question, answer) in ARTICLES.items()},
    )
    return made


def found(session: Session, index: SearchIndex, text: str, limit: int = 5) -> list[UUID]:
    rows = Query(search_statement(index)).all(session, **SearchQuery(text).parameters, limit=limit)
    return [row.id for row in rows]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("เงินงวดสองโอนเมื่อไหร่", "transfer"),
        ("ขอเปลี่ยนเลขที่บัญชี", "account"),
        ("อยากสมัครอบรม", "training"),
        ("ส่งวาระประชุมก่อนกี่วัน", "agenda"),
        ("แจ้งเรื่องโกง ปกปิดชื่อ", "fraud"),
        ("แบ่งที่ดินทำนา สระน้ำ", "farming"),
        ("รหัสผ่าน", "password"),
        # tone marks dropped
        ("สมัครฝกอบรมผูนำ", "training"),
        ("แจงเบาะแสทุจริต", "fraud"),
        # wrong letters
        ("ลืมระหัสพ่าน", "password"),
        ("เกสตรทริษฎีใหม่", "farming"),
        ("วาละการปะชุม", "agenda"),
        # marks in another order, Thai digits, zero-width spaces
        ("สายด\u200bวน ๑๑๑๑", "fraud"),
    ],
)
def test_the_right_article_comes_first(
    session: Session, index: SearchIndex, ids: dict[str, UUID], query: str, best: str
) -> None:
    """Questions find their article, whether they are spelt well or not."""
    assert ids[best] == found(session, index, query)[0]


def test_matched_words_are_told(session: Session, index: SearchIndex, ids: dict[str, UUID]) -> None:
    """Each result names the query's words that stand in it, and no others."""
    query = SearchQuery("ลืมรหัสผ่าน ทำอย่างไร ไดโนเสาร์")
    row = Query(search_statement(index)).first(session, **query.parameters, limit=1)
    assert row is not None
    assert ids["password"] == row.id
    assert "รหัสผ่าน" in query.matched(row.terms)
    assert "ไดโนเสาร์" not in query.matched(row.terms)


def test_words_of_asking_do_not_decide(session: Session, index: SearchIndex, ids: dict[str, UUID]) -> None:
    """A question word that only one article has does not bring that one to the top."""
    assert ids["farming"] == found(session, index, "นาข้าว เมื่อใด")[0]


def test_words_count_less_among_unknown_ones(session: Session, index: SearchIndex, ids: dict[str, UUID]) -> None:
    """A word that stands in a document says less of it when the query's other words stand nowhere."""
    alone, among = (
        Query(search_statement(index)).first(session, **SearchQuery(text).parameters, limit=1)
        for text in ("รหัสผ่าน", "รหัสผ่าน ฟุตซอล")
    )
    assert alone is not None
    assert among is not None
    assert ids["password"] == alone.id == among.id
    assert among.score < alone.score


@pytest.mark.parametrize("query", ["", "???", "อะไร", "\u200b"])
def test_a_query_that_says_nothing_is_answered(
    session: Session, index: SearchIndex, ids: dict[str, UUID], query: str
) -> None:
    """Empty, punctuation alone, question words alone: no error."""
    assert len(found(session, index, query)) <= len(ids)


def test_an_empty_index_finds_nothing(session: Session, index: SearchIndex) -> None:
    """Before anything is indexed there is nothing to find, and no error."""
    assert [] == found(session, index, "โอนเงิน")


def test_a_document_without_words_does_no_harm(session: Session, index: SearchIndex) -> None:
    """An empty text can be indexed, first of all, and is not found."""
    index_document(session, index, uuid4(), Field("…"))
    full = uuid4()
    index_document(session, index, full, Field("การโอนเงิน"))
    assert [full] == found(session, index, "โอนเงิน")


def test_indexing_again_replaces(session: Session, index: SearchIndex, ids: dict[str, UUID]) -> None:
    """After a correction the new text is found and the old one is not."""
    index_document(session, index, ids["password"], Field("ขอคัดสำเนาเอกสารโครงการ"))
    assert ids["password"] == found(session, index, "คัดสำเนาเอกสาร")[0]
    assert ids["password"] not in found(session, index, "รหัสผ่าน")


def test_all_are_indexed_again_and_a_stopped_run_goes_on(sessions: Sessions, index: SearchIndex) -> None:
    """Each batch is told of and committed; what has no text any more is removed, and counts stay right."""
    ids = sorted(uuid4() for _ in range(120))
    with sessions.begin() as session:
        index_documents(session, index, {each: [Field(f"โอนเงิน {at}")] for at, each in enumerate(ids[:-1])})
        index_document(session, index, ids[-1], Field("หายไปแล้ว"))
    now = {each: [Field(f"ปลาดุก {at}")] for at, each in enumerate(ids[:-1])}

    def fields_of(_session: Session, wanted: Sequence[UUID]) -> dict[UUID, list[Field]]:
        return {each: now[each] for each in wanted if each in now}

    first = next(index_all_again(sessions, index, fields_of))
    assert (100, ids[99]) == first
    with sessions() as session:
        assert set(ids[100:119]) == set(found(session, index, "โอนเงิน", limit=50))
    assert [(20, ids[119])] == list(index_all_again(sessions, index, fields_of, after=first[1]))
    with sessions() as session:
        assert [] == found(session, index, "โอนเงิน")
        assert [] == found(session, index, "หายไปแล้ว")
        assert ids[7] == found(session, index, "ปลาดุก 7")[0]
        assert 119 == session.scalar(sa.select(index.totals.c.documents))
        (seen_in,) = {*session.scalars(sa.select(index.terms.c.documents).where(index.terms.c.documents >= 119))}
        assert 119 == seen_in


def test_what_is_removed_leaves_nothing(session: Session, index: SearchIndex, ids: dict[str, UUID]) -> None:
    """Removing all documents brings every count back to nothing, to the last posting."""
    remove_documents(session, index, [*ids.values(), uuid4()])
    totals = session.execute(sa.select(index.totals)).one()
    assert totals.documents == 0
    assert totals.word_count == pytest.approx(0, abs=1e-3)
    assert totals.trigram_count == pytest.approx(0, abs=1e-3)
    assert session.scalar(sa.select(sa.func.count()).select_from(index.postings)) == 0
    assert session.scalar(sa.select(sa.func.sum(index.terms.c.documents))) == 0


def test_a_question_counts_more_than_the_answer(session: Session, index: SearchIndex) -> None:
    """Where a word stands once in each, the document that has it in its weightier field comes first."""
    in_answer, in_question = uuid4(), uuid4()
    index_document(session, index, in_answer, Field("หัวข้อทั่วไป", 2.0), Field("เงินอุดหนุน"))
    index_document(session, index, in_question, Field("เงินอุดหนุน", 2.0), Field("หัวข้อทั่วไป"))
    assert [in_question, in_answer] == found(session, index, "เงินอุดหนุน")


@pytest.mark.parametrize("before", [[], [Field("", 2.0)]], ids=["at once", "after an empty field"])
def test_a_text_is_about_what_it_begins_with(session: Session, index: SearchIndex, before: list[Field]) -> None:
    """Of two texts of the same words, the one that begins with what was asked for comes first."""
    further_on, first = uuid4(), uuid4()
    index_document(session, index, further_on, *before, Field("ค่าเดินทาง ที่พัก อาหาร และเงินอุดหนุน"))
    index_document(session, index, first, *before, Field("เงินอุดหนุน ค่าเดินทาง ที่พัก และอาหาร"))
    assert [first, further_on] == found(session, index, "เงินอุดหนุน")


def test_only_the_first_field_begins_a_text(session: Session, index: SearchIndex) -> None:
    """Where a later field of a document begins says nothing of what the document is about."""
    fields = Field("หัวข้อทั่วไปของชุมชน"), Field("เงินอุดหนุน ค่าเดินทาง ที่พัก และอาหาร")
    apart, joined = uuid4(), uuid4()
    index_document(session, index, apart, *fields)
    index_document(session, index, joined, Field(" ".join(field.text for field in fields)))
    rows = Query(search_statement(index)).all(session, **SearchQuery("เงินอุดหนุน").parameters, limit=2)
    assert pytest.approx(rows[0].score, rel=0.05) == rows[1].score


def test_only_the_eligible_are_found(session: Session, index: SearchIndex, ids: dict[str, UUID]) -> None:
    """A select of ids limits the search, however well others match."""
    eligible = sa.select(index.documents.c.id).where(index.documents.c.id != ids["password"])
    rows = Query(search_statement(index, eligible)).all(session, **SearchQuery("รหัสผ่าน เว็บไซต์").parameters, limit=9)
    assert ids["training"] == rows[0].id
    assert ids["password"] not in [row.id for row in rows]


def test_the_eligible_are_found_behind_many_that_match_better(session: Session, index: SearchIndex) -> None:
    """What may not be found takes no place from what may."""
    wanted = uuid4()
    others = {uuid4(): [Field("เงินอุดหนุน")] for _ in range(CANDIDATES + 1)}
    index_documents(session, index, {**others, wanted: [Field("เงินอุดหนุนหมู่บ้านและชุมชนเมืองประจำปีงบประมาณ")]})
    eligible = sa.select(index.documents.c.id).where(index.documents.c.id == wanted)
    rows = Query(search_statement(index, eligible)).all(session, **SearchQuery("เงินอุดหนุน").parameters, limit=9)
    assert [wanted] == [row.id for row in rows]


def test_the_limit_holds(session: Session, index: SearchIndex, ids: dict[str, UUID]) -> None:
    """No more rows than asked for, best first."""
    everything = found(session, index, "โครงการ เงิน อบรม ประชุม", limit=len(ids))
    assert everything[:2] == found(session, index, "โครงการ เงิน อบรม ประชุม", limit=2)


def test_a_whole_complaint_can_be_the_query(session: Session, index: SearchIndex, ids: dict[str, UUID]) -> None:
    """A long text is searched by its weightiest terms."""
    story = "ข้าพเจ้าอยู่หมู่บ้านในจังหวัดเชียงราย " * 300 + "ชุมชนส่งรายงานผลงวดแรกแล้วแต่เงินงวดที่สองยังไม่โอนเข้าบัญชี"
    assert ids["transfer"] == found(session, index, story)[0]


def test_a_rolled_back_document_is_not_found(sessions: Sessions, index: SearchIndex) -> None:
    """Indexing is part of the caller's transaction."""
    with sessions() as session:
        index_document(session, index, uuid4(), Field("การโอนเงิน"))
        assert found(session, index, "โอนเงิน")
        session.rollback()
        assert not found(session, index, "โอนเงิน")


def test_the_tables_can_be_dropped(session: Session) -> None:
    """The removal takes away all that the creation made."""
    for statement in removal_1("articles"):
        session.execute(sa.text(statement))
    assert not sa.inspect(session.connection()).get_table_names()


def test_migration_and_definition_agree(session: Session, index: SearchIndex) -> None:
    """The tables that migrations create are those that the services know: names, types, nullability, keys."""
    inspector = sa.inspect(session.connection())
    for table in (index.documents, index.terms, index.postings, index.totals):
        made = {column["name"]: column for column in inspector.get_columns(table.name)}
        assert [column.name for column in table.columns] == list(made)
        for column in table.columns:
            assert str(column.type.compile(session.get_bind().dialect)) == str(
                made[column.name]["type"].compile(session.get_bind().dialect)
            )
            assert column.nullable == made[column.name]["nullable"]
        assert [column.name for column in table.primary_key] == inspector.get_pk_constraint(table.name)[
            "constrained_columns"
        ]
