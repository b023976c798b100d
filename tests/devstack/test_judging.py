"""When a suggested article is taken for the answer to a complaint of a file."""

from devstack.demo.judging import ALIKE, likeness

QUESTION = "ต้องใช้เอกสารใดบ้างในการเสนอโครงการ"


def test_an_article_that_asks_the_same_is_an_answer() -> None:
    """Most of the subject and most of the question are the same words."""
    assert likeness("เสนอโครงการต้องใช้เอกสารใด", QUESTION, ["ต้อง", "ใช้", "เอกสาร", "เสนอ", "โครงการ"]) >= ALIKE


def test_an_article_that_shares_only_common_words_is_none() -> None:
    """Nearly every complaint speaks of a project: the smaller share of the two decides."""
    assert likeness("โครงการ", QUESTION, ["โครงการ"]) < ALIKE
    assert likeness("กรรมการโครงการนำเงินไปใช้ส่วนตัว ขอให้ตรวจสอบ", "โครงการ", ["โครงการ"]) < ALIKE


def test_without_shared_words_there_is_no_likeness() -> None:
    """Also where a text is blank, or only single letters are shared."""
    assert likeness("ถนนเป็นหลุม", QUESTION, []) == 0.0
    assert likeness("", QUESTION, ["โครงการ"]) == 0.0
    assert likeness(QUESTION, QUESTION, ["ต", "ก"]) == 0.0
