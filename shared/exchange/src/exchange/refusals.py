"""Why a message could not be applied, in words that people of both sides understand."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from pydantic import ValidationError

from schemas import FieldFault, ReceiptProblem
from servicekit.problems import GENERAL, DomainError, Problem
from servicekit.words import Words

_MAX_FAULTS = 20
_MAX_POINTER = 500

UNREADABLE = Problem(
    "unreadable-message",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    Words("อ่านซองข้อความไม่ได้", "The message's envelope cannot be read"),
    Words("โปรดเทียบซองข้อความกับสคีมาของการแลกเปลี่ยน", "Compare the envelope with the schemas of the exchange."),
)
WRONG_SOURCE = Problem(
    "wrong-source",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    Words("ผู้ส่งในข้อความไม่ใช่ผู้ลงลายมือชื่อ", "The message's source is not who signed the request"),
    Words("source ต้องเป็นรหัสของหน่วยงานที่ลงลายมือชื่อ", "source must be the code of the party that signs."),
)
SEQUENCE_TAKEN = Problem(
    "sequence-taken",
    HTTPStatus.CONFLICT,
    Words("ลำดับนี้มีข้อความอื่นแล้ว", "Another message has this sequence"),
    Words(
        "เรื่องนี้มีข้อความอื่นในลำดับเดียวกันแล้ว โปรดกระทบยอดกับผู้ส่ง",
        "Another message of the same subject was taken with this sequence: reconcile both sides.",
    ),
)
UNKNOWN_TYPE = Problem(
    "unknown-type",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    Words("ไม่รู้จักชนิดของข้อความ", "The type of the message is not known here"),
    Words("ผู้รับรุ่นนี้ยังไม่รองรับข้อความชนิดนี้", "This receiver does not take messages of this type, or not yet."),
)
TYPE_NOT_ALLOWED = Problem(
    "type-not-allowed",
    HTTPStatus.FORBIDDEN,
    Words("ผู้ส่งไม่มีสิทธิส่งข้อความชนิดนี้", "The sender may not send messages of this type"),
    Words("โปรดตรวจสอบการตั้งค่าคู่แลกเปลี่ยน", "Compare the peer's configuration."),
)
INVALID_BODY = Problem(
    "invalid-body",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    Words("เนื้อหาของข้อความไม่ถูกต้อง", "The message's body is not valid"),
    Words("โปรดแก้ไขตามรายการ errors แล้วส่งเป็นข้อความใหม่", "Correct what errors lists in a new message."),
)
NOT_APPLIED = Problem(
    "not-applied",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    Words("ระบบผู้รับขัดข้องขณะดำเนินการ", "The receiver failed to apply the message"),
    Words(
        "ข้อความถูกเก็บไว้ ผู้ดูแลระบบของผู้รับจะตรวจสอบและดำเนินการอีกครั้ง",
        "The message is kept; the receiver's operator looks into it and applies it again.",
    ),
)


def refusal(
    problem: Problem, *, errors: Sequence[FieldFault] = (), values: Mapping[str, object] | None = None
) -> ReceiptProblem:
    """The problem as receipts and operators' lists show it, the places of its detail filled with `values`."""
    values = values or {}
    return ReceiptProblem(
        type=f"/problems/{problem.slug}",
        title=problem.title.said("th"),
        title_en=problem.title.said("en"),
        detail=problem.detail.said("th", **values),
        detail_en=problem.detail.said("en", **values),
        errors=tuple(errors),
    )


def refusal_of(error: DomainError, problems: Mapping[type[DomainError], Problem]) -> ReceiptProblem | None:
    """What a handler's refusal means, by the service's own table; None when the table does not know it."""
    for kind in type(error).__mro__:
        problem = problems.get(kind) or GENERAL.get(kind)
        if problem is not None:
            return refusal(problem, values=error.values)
    return None


def faults(error: ValidationError, *, under: str = "") -> list[FieldFault]:
    """The fields that are wrong, without what they hold. `under` is the pointer to the validated part."""
    found = []
    for entry in error.errors(include_url=False, include_context=False, include_input=False)[:_MAX_FAULTS]:
        steps = [str(step).replace("~", "~0").replace("/", "~1") for step in entry["loc"]]
        found.append(FieldFault(pointer="/".join([under, *steps])[:_MAX_POINTER], code=entry["type"]))
    return found
