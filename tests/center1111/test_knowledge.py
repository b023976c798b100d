"""The knowledge base, and answers from it."""

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from center1111.cli import cli

from .conftest import Centre, Json, made, ok, pointers, refused
from .test_referrals import accepted, answered, returned

TRANSFER: Json = {
    "question": "ชุมชนจะได้รับโอนเงินงบประมาณโครงการเมื่อใด",
    "answer": "โอนเข้าบัญชีของชุมชนภายใน 30 วันทำการหลังอนุมัติ",
    "topic": "transfers_and_changes",
    "keywords": ["โอนเงิน", "งบประมาณ"],
}
TRAINING: Json = {"question": "สมัครฝึกอบรมได้ที่ใด", "answer": "สมัครที่เว็บไซต์ของสำนักงาน", "topic": "training"}


def test_an_article_is_published_by_another_than_its_author(centre: Centre) -> None:
    """Until then it is a draft that no search finds."""
    author = centre.as_("km_editor", subject="author")
    article = made(author.post("/v1/articles", json=TRANSFER))
    assert ("draft", 1, None) == (article["state"], article["number"], article["published_number"])
    path = f"/v1/articles/{article['id']}"
    refused(author.post(f"{path}/publication"), 403)
    officer = centre.as_("officer")
    assert [] == ok(officer.get("/v1/articles", params={"q": "โอนเงิน"}))["items"]
    published = ok(centre.as_("km_editor", subject="editor").post(f"{path}/publication"))
    assert ("published", 1) == (published["state"], published["published_number"])
    (found,) = ok(officer.get("/v1/articles", params={"q": "โอนเงินงบประมาน"}))["items"]
    assert article["id"] == found["id"]
    assert {"โอน", "เงิน"} <= set(found["matched_words"])


def test_what_is_published_stays_in_force_until_the_correction_is_published(centre: Centre) -> None:
    """Every version is kept, with who wrote and who published it."""
    article = centre.published(**TRANSFER)
    path = f"/v1/articles/{article['id']}"
    author, editor = centre.as_("km_editor", subject="author"), centre.as_("km_editor", subject="editor")
    corrected = ok(author.patch(path, json={"answer": "โอนภายใน 15 วัน"}, headers={"If-Match": "*"}))
    assert (2, 1) == (corrected["number"], corrected["published_number"])
    officer = centre.as_("officer")
    (found,) = ok(officer.get("/v1/articles", params={"q": "โอนเงิน"}))["items"]
    assert TRANSFER["answer"] == found["answer"]
    ok(editor.post(f"{path}/publication"))
    (found,) = ok(officer.get("/v1/articles", params={"q": "โอนเงิน"}))["items"]
    assert "โอนภายใน 15 วัน" == found["answer"]
    versions = ok(officer.get(f"{path}/versions"))["items"]
    assert [(2, "author", "editor"), (1, "author", "editor")] == [
        (one["number"], one["author"], one["published_by"]) for one in versions
    ]
    refused(editor.post(f"{path}/publication"), 409)


@pytest.mark.parametrize("patch", [{}, TRANSFER, {"answer": f" {TRANSFER['answer']} ", "valid_until": None}])
def test_a_patch_that_changes_nothing_makes_no_version(busy_centre: Centre, patch: Json) -> None:
    """The article is answered as it is, so that nothing answered from it looks corrected."""
    article = busy_centre.published(**TRANSFER)
    path, editor = f"/v1/articles/{article['id']}", busy_centre.as_("km_editor", subject="editor")
    assert article == ok(editor.patch(path, json=patch, headers={"If-Match": "*"}))
    assert [1] == [one["number"] for one in ok(editor.get(f"{path}/versions"))["items"]]
    refused(editor.post(f"{path}/publication"), 409)


def test_a_retired_article_is_found_no_more(centre: Centre) -> None:
    """And neither edited nor published again; it stays readable."""
    article = centre.published(**TRANSFER)
    path = f"/v1/articles/{article['id']}"
    editor = centre.as_("km_editor", subject="editor")
    assert "retired" == ok(editor.post(f"{path}/retirement"))["state"]
    assert [] == ok(editor.get("/v1/articles", params={"q": "โอนเงิน"}))["items"]
    refused(editor.post(f"{path}/retirement"), 409)
    refused(editor.post(f"{path}/publication"), 409)
    refused(editor.patch(path, json={"answer": "ใหม่"}, headers={"If-Match": "*"}), 409)
    assert "retired" == ok(editor.get(path))["state"]


def test_articles_are_indexed_again_by_command(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the version in force, whatever is being written; one that ended early goes on behind the last it told."""
    first, second = centre.published(**TRANSFER), centre.published(**TRAINING)
    author = centre.as_("km_editor", subject="author")
    ok(author.patch(f"/v1/articles/{first['id']}", json={"answer": "ร่างใหม่"}, headers={"If-Match": "*"}))
    with centre.app.state.sessions.begin() as session:
        session.execute(sa.text("UPDATE articles_search_postings SET weight = 0"))
    for name in ("environment", "database_url", "issuer", "issuer_jwks", "exchange_keys_file"):
        monkeypatch.setenv(f"CENTER1111_{name.upper()}", str(getattr(centre.settings, name)))
    last = max(first["id"], second["id"])
    for arguments, told in ([], f"2 articles, the last {last}\n"), (["--after", last], ""):
        done = CliRunner().invoke(cli, ["reindex", *arguments])
        assert (0, told) == (done.exit_code, done.output)
    officer = centre.as_("officer")
    found = ok(officer.get("/v1/articles", params={"q": "โอนเงินงบประมาณ"}))["items"]
    assert first["id"] == found[0]["id"]
    assert found[0]["score"] > 0
    assert [] == ok(officer.get("/v1/articles", params={"q": "ร่างใหม่"}))["items"]


@pytest.mark.parametrize("asked", ["count=true", "cursor=nonsense", "count=true&cursor=nonsense"])
def test_a_search_gives_one_page_and_no_total(quiet_centre: Centre, asked: str) -> None:
    """The length of its page is no count of what matches, and a cursor has nowhere to go on."""
    problem = refused(quiet_centre.as_("officer").get(f"/v1/articles?q=โอนเงิน&{asked}"), 400)
    assert {f"/{one.partition('=')[0]}": "not_with_q" for one in asked.split("&")} == pointers(problem)
    assert {"items": [], "next": None} == ok(quiet_centre.as_("officer").get("/v1/articles?q=โอนเงิน"))


def test_an_article_is_found_only_while_it_holds(centre: Centre) -> None:
    """From its first day to its last; nor does an answer stand on it outside of them."""
    past = centre.published(**TRANSFER, valid_until="2026-01-31")
    future = centre.published(**TRANSFER, valid_from="2300-01-01")
    officer = centre.as_("officer")
    assert [] == ok(officer.get("/v1/articles", params={"q": "โอนเงิน"}))["items"]
    body = {"text": "โอนภายใน 30 วัน", "article_ids": [past["id"], future["id"]]}
    problem = refused(officer.post(f"/v1/complaints/{centre.verified()['id']}/answers", json=body), 400)
    assert {"/article_ids/0": "unknown_article", "/article_ids/1": "unknown_article"} == pointers(problem)


def test_suggestions_come_best_first_with_their_reasons(centre: Centre) -> None:
    """The article that fits the complaint stands first, with the words that matched."""
    centre.published(**TRAINING)
    transfer = centre.published(**TRANSFER)
    complaint = centre.verified()
    items = ok(centre.as_("officer").get(f"/v1/complaints/{complaint['id']}/suggestions"))["items"]
    assert transfer["id"] == items[0]["id"]
    assert {"โอน", "เงิน"} <= set(items[0]["matched_words"])
    assert sorted((one["score"] for one in items), reverse=True) == [one["score"] for one in items]


def test_an_answer_keeps_the_versions_of_the_articles_that_it_used(centre: Centre) -> None:
    """Though they are corrected later."""
    article = centre.published(**TRANSFER)
    id_ = centre.verified()["id"]
    officer = centre.as_("officer", subject="officer-1")
    body = {"text": "โอนภายใน 30 วันทำการ", "article_ids": [article["id"]]}
    made(officer.post(f"/v1/complaints/{id_}/answers", json=body))
    answer = centre.complaint(id_)["answer"]
    assert ("centre", "officer-1", [{"id": article["id"], "number": 1, "corrected_since": False}]) == (
        answer["origin"],
        answer["answered_by"],
        answer["articles"],
    )


def test_only_articles_in_force_answer(centre: Centre) -> None:
    """A draft or an unknown one is named by its place, and the complaint is not answered."""
    draft = made(centre.as_("km_editor").post("/v1/articles", json=TRANSFER))
    published = centre.published(**TRAINING)
    id_ = centre.verified()["id"]
    unknown = "019a5f0e-7c00-7000-8000-000000000001"
    body = {"text": "ตอบ", "article_ids": [published["id"], draft["id"], unknown]}
    problem = refused(centre.as_("officer").post(f"/v1/complaints/{id_}/answers", json=body), 400)
    assert {"/article_ids/1": "unknown_article", "/article_ids/2": "unknown_article"} == pointers(problem)
    assert "verified" == centre.complaint(id_)["state"]


def test_an_answered_referral_drafts_an_article_without_personal_data(centre: Centre) -> None:
    """So that the next such question is answered at once; one that is not answered drafts nothing."""
    referral = centre.referred()
    editor = centre.as_("km_editor")
    body = {"from_referral": referral["id"]}
    assert {"/from_referral": "referral_not_answered"} == pointers(refused(editor.post("/v1/articles", json=body), 400))
    text = "เรียนคุณสมศรี ใจดี โทร 081-234-5678 โอนเงินภายใน 30 วัน สอบถาม a@b.go.th"
    centre.told(referral["id"], answered(referral, text=text))
    article = made(editor.post("/v1/articles", json=body))
    assert "เรียนคุณ[…] […] โทร […] โอนเงินภายใน 30 วัน สอบถาม […]" == article["answer"]
    assert (referral["id"], "draft") == (article["from_referral"], article["state"])


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"question": "ก"}, {"/answer": "required"}),
        ({"question": "", "answer": "ก"}, {"/question": "too_short"}),
        ({"question": "ก", "answer": "ก", "keywords": ["ก\x07"]}, {"/keywords/0": "control_character"}),
        ({"question": "ก", "answer": "ก", "valid_from": "2569-01-01"}, {"/valid_from": "buddhist_year"}),
        (
            {"question": "ก", "answer": "ก", "valid_from": "2026-02-01", "valid_until": "2026-01-01"},
            {"": "ends_before_it_begins"},
        ),
        ({"from_referral": "x"}, {"/from_referral": "wrong_form"}),
    ],
)
def test_a_wrong_article_is_refused(quiet_centre: Centre, body: Json, wrong: Json) -> None:
    """With the fields that are wrong, of the one form that was meant."""
    assert wrong == pointers(refused(quiet_centre.as_("km_editor").post("/v1/articles", json=body), 400))


def test_officers_read_and_editors_write(quiet_centre: Centre) -> None:
    """Others get 403; a missing article is 404."""
    officer, editor = quiet_centre.as_("officer"), quiet_centre.as_("km_editor")
    refused(officer.post("/v1/articles", json=TRANSFER), 403)
    missing = "/v1/articles/019a5f0e-7c00-7000-8000-000000000001"
    refused(officer.get(missing), 404)
    refused(officer.get(f"{missing}/versions"), 404)
    refused(editor.post(f"{missing}/publication"), 404)
    refused(editor.patch(missing, json={}, headers={"If-Match": "*"}), 404)
    refused(editor.patch(missing, json={}), 428)


def test_an_article_comes_due_for_review_and_leaves_by_one(centre: Centre) -> None:
    """Who found when that it still holds is kept; a draft is not due, for nobody uses it."""
    due = centre.published(**TRANSFER, review_on="2026-01-31")
    centre.published(**TRAINING, review_on="2300-01-01")
    editor = centre.as_("km_editor", subject="editor")
    made(editor.post("/v1/articles", json=TRAINING | {"review_on": "2026-01-31"}))
    path = f"/v1/articles/{due['id']}"
    listed = ok(editor.get("/v1/articles?due_for_review=true&count=true"))
    assert ([due["id"]], 1) == ([one["id"] for one in listed["items"]], listed["total"])
    body = {"next_review_on": "2300-01-01", "note": "ตรวจกับระเบียบแล้ว"}
    reviewed = made(editor.post(f"{path}/reviews", json=body, headers={"If-Match": f'"{due["version"]}"'}))
    assert "2300-01-01" == reviewed["review_on"]
    assert [] == ok(editor.get("/v1/articles?due_for_review=true"))["items"]
    (review,) = ok(editor.get(f"{path}/reviews"))["items"]
    assert (1, "editor", "ตรวจกับระเบียบแล้ว") == (review["number"], review["reviewed_by"], review["note"])


def test_a_review_that_makes_no_sense_is_refused(busy_centre: Centre) -> None:
    """In the past, of a draft, of nothing, by nobody; nothing is kept."""
    editor = busy_centre.as_("km_editor", subject="editor")
    draft = f"/v1/articles/{made(editor.post('/v1/articles', json=TRAINING))['id']}/reviews"
    past, later = {"next_review_on": "2026-01-01"}, {"next_review_on": None}
    assert {"/next_review_on": "not_in_future"} == pointers(refused(editor.post(draft, json=past), 400))
    buddhist = {"next_review_on": "2570-01-01"}
    assert {"/next_review_on": "buddhist_year"} == pointers(refused(editor.post(draft, json=buddhist), 400))
    assert {"/next_review_on": "required"} == pointers(refused(editor.post(draft, json={}), 400))
    refused(editor.post(draft, json=later), 409)
    refused(busy_centre.as_("officer").post(draft, json=later), 403)
    nothing = "/v1/articles/019a5f0e-7c00-7000-8000-000000000001"
    refused(editor.post(f"{nothing}/reviews", json=later), 404)
    refused(editor.get(f"{nothing}/reviews"), 404)
    refused(editor.get(f"{nothing}/complaints"), 404)
    assert [] == ok(editor.get(draft))["items"]


def test_topics_are_those_of_the_list(quiet_centre: Centre) -> None:
    """Another is refused, in an article and in a filter."""
    editor = quiet_centre.as_("km_editor")
    wrong = {"/topic": "unknown_code"}
    assert wrong == pointers(refused(editor.post("/v1/articles", json=TRANSFER | {"topic": "money"}), 400))
    refused(editor.get("/v1/articles?topic=money"), 400)
    assert "training" in {one["code"] for one in ok(editor.get("/v1/code-lists/topics"))["items"]}


def test_after_a_correction_one_sees_who_was_told_otherwise(centre: Centre) -> None:
    """The complaints answered from an article, page by page, and of these the ones answered from an old version."""
    article = centre.published(**TRANSFER)
    officer = centre.as_("officer")
    path = f"/v1/articles/{article['id']}"
    told = []
    for _ in range(3):
        told.append(centre.verified()["id"])
        body = {"text": "โอนภายใน 30 วันทำการ", "article_ids": [article["id"]]}
        made(officer.post(f"/v1/complaints/{told[-1]}/answers", json=body))
    assert [] == ok(officer.get(f"{path}/complaints?corrected_since=true"))["items"]
    assert not centre.complaint(told[0])["answer"]["articles"][0]["corrected_since"]
    ok(centre.as_("km_editor").patch(path, json={"answer": "โอนภายใน 15 วัน"}, headers={"If-Match": "*"}))
    assert [] == ok(officer.get(f"{path}/complaints?corrected_since=true"))["items"]  # not in force yet
    ok(centre.as_("km_editor", subject="editor").post(f"{path}/publication"))
    told.append(centre.verified()["id"])
    made(officer.post(f"/v1/complaints/{told[-1]}/answers", json=body))
    first = ok(officer.get(f"{path}/complaints?corrected_since=true&limit=2"))
    rest = ok(officer.get(f"{path}/complaints?corrected_since=true&limit=2&cursor={first['next']}"))
    assert told[2::-1] == [one["id"] for one in first["items"] + rest["items"]]
    assert {(1, True, True)} == {(one["number"], one["corrected_since"], one["in_force"]) for one in first["items"]}
    assert told[3:] == [one["id"] for one in ok(officer.get(f"{path}/complaints?corrected_since=false"))["items"]]
    assert centre.complaint(told[0])["answer"]["articles"][0]["corrected_since"]


def test_what_was_referred_first_was_not_answered_at_once(centre: Centre) -> None:
    """Though the Centre answers in the end; asking an agency after the first answer changes nothing."""
    referral = centre.referred()
    centre.told(referral["id"], returned(referral))
    officer = centre.as_("officer")
    made(officer.post(f"/v1/complaints/{referral['complaint_id']}/answers", json={"text": "โอนภายใน 30 วัน"}))
    asked_later = centre.answered()
    reopened = officer.post(f"/v1/complaints/{asked_later['id']}/reopening", json={"reason": "ยังไม่ได้รับเงิน"})
    centre.referred(ok(reopened))
    report = ok(officer.get("/v1/reports/answered-at-once"))
    assert (2, 1, 0.5) == tuple(report["total"][name] for name in ("answered", "at_once", "rate"))


def test_the_rate_of_answers_at_once_is_told_by_topic(centre: Centre) -> None:
    """By the article's topic, or the one that the agency gave; what has neither is counted as unknown."""
    article = centre.published(**TRANSFER)
    officer = centre.as_("officer")
    body = {"text": "โอนภายใน 30 วันทำการ", "article_ids": [article["id"]]}
    made(officer.post(f"/v1/complaints/{centre.verified()['id']}/answers", json=body))
    centre.answered()
    referral = centre.referred()
    centre.told(referral["id"], accepted(referral))
    centre.told(referral["id"], answered(referral))
    report = ok(centre.as_("auditor").get("/v1/reports/answered-at-once"))
    assert (3, 2, 0.6667) == tuple(report["total"][name] for name in ("answered", "at_once", "rate"))
    topics = {one["topic"]: (one["answered"], one["at_once"], one["rate"]) for one in report["topics"]}
    assert ((2, 1, 0.5), (1, 1, 1.0), (0, 0, 0.0)) == (
        topics["transfers_and_changes"],
        topics[None],
        topics["training"],
    )
    empty = ok(officer.get("/v1/reports/answered-at-once?to=2026-10-02T00:00:00Z"))
    assert 0 == empty["total"]["answered"]
    wrong = "/v1/reports/answered-at-once?from=2026-10-02T00:00:00Z&to=2026-10-01T00:00:00Z"
    refused(officer.get(wrong), 400)
