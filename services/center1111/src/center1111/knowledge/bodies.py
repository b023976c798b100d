"""What articles hold, as it comes in."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, WrapValidator, model_validator

from center1111.codes import Topic
from center1111.fields import LongText, Name, Note
from servicekit.fields import Body, Day, refused
from servicekit.words import Words


def _once_each(keywords: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(keywords))


class ArticleContent(Body):
    """The content of an article: what is asked, what is answered, and while it holds."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "question": "ขั้นตอนการโอนเงินงบประมาณให้ชุมชนเป็นอย่างไร",
                    "answer": "เมื่อโครงการได้รับอนุมัติ สำนักงานโอนเงินเข้าบัญชีของชุมชนภายใน 30 วันทำการ",
                    "topic": "transfers_and_changes",
                    "keywords": ["โอนเงิน", "งบประมาณ"],
                    "valid_from": "2026-10-01",
                }
            ]
        }
    )

    question: Annotated[LongText, Field(max_length=2_000)]
    answer: LongText
    topic: Annotated[Topic | None, Field(description="See /v1/code-lists/topics.")] = None
    keywords: Annotated[tuple[Name, ...], Field(max_length=50), AfterValidator(_once_each)] = ()
    valid_from: Day | None = None
    valid_until: Annotated[Day | None, Field(description="The last day on which it holds.")] = None
    review_on: Annotated[Day | None, Field(description="When somebody is to look whether it still holds.")] = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise refused(
                "ends_before_it_begins", Words("valid_until ต้องไม่ก่อน valid_from", "valid_until is before valid_from.")
            )
        return self


class NewReview(Body):
    """That the version in force still holds, and when it is to be looked at again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"next_review_on": "2027-10-01", "note": "ตรวจกับระเบียบฉบับปัจจุบันแล้ว"}]}
    )

    next_review_on: Annotated[Day | None, Field(description="After today; null: never again.")]
    note: Note | None = None


class DraftFromReferral(Body):
    """Draft an article from an answered referral, personal data removed."""

    from_referral: UUID


def _one_or_the_other(value: Any, _handler: object) -> ArticleContent | DraftFromReferral:  # noqa: ANN401  # any JSON
    """Told apart by `from_referral`, so that errors name the fields of one of them and not of both."""
    from_referral = isinstance(value, dict) and "from_referral" in value
    return (DraftFromReferral if from_referral else ArticleContent).model_validate(value)


NewArticle = Annotated[ArticleContent | DraftFromReferral, WrapValidator(_one_or_the_other)]
