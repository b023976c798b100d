"""The knowledge base, and answers from it."""

import pytest

from .conftest import Centre, Json, made, ok, pointers, refused
from .test_referrals import answered

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


def test_an_article_is_found_only_while_it_holds(centre: Centre) -> None:
    """From its first day to its last."""
    centre.published(**TRANSFER, valid_until="2026-01-31")
    centre.published(**TRANSFER, valid_from="2300-01-01")
    assert [] == ok(centre.as_("officer").get("/v1/articles", params={"q": "โอนเงิน"}))["items"]


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
