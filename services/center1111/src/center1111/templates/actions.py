"""Writing and changing answer templates, and filling one for a complaint."""

from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from center1111.codes import Placeholder
from center1111.deadlines import due_day
from center1111.letterhead import full_name
from center1111.records import AnswerTemplate, Complainant, Complaint
from center1111.steps import ComplaintNotFound
from center1111.templates.rules import filled, unknown_placeholders
from servicekit.ids import uuid7
from servicekit.problems import DomainError, FieldError, InvalidInput
from servicekit.uniqueness import or_taken
from servicekit.versions import Versions, check_version
from servicekit.words import Words
from thaikit.calendar import bangkok_date, long_date

_UNKNOWN: Final = Words("ไม่รู้จัก {unknown} ใช้ได้เพียง: {known}", "Unknown: {unknown}. There are only: {known}")
_TAKEN: Final = FieldError("/name", "name_taken", Words("มีแบบคำตอบชื่อนี้แล้ว", "Another template has this name already."))


class TemplateNotFound(DomainError):
    """There is no such answer template."""


def write_template(session: Session, *, name: str, text: str, by: str, now: datetime) -> AnswerTemplate:
    """A new template.

    Raises:
        InvalidInput: its text names an unknown placeholder, or another template has its name.
    """
    _check(session, None, name, text)
    template = AnswerTemplate(id=uuid7(), name=name, text=text, retired=False, changed_at=now, changed_by=by)
    with or_taken(session, InvalidInput(_TAKEN)):
        session.add(template)
    return template


def change_template(
    session: Session,
    template_id: UUID,
    *,
    name: str,
    text: str,
    retired: bool,
    wanted: Versions,
    by: str,
    now: datetime,
) -> AnswerTemplate:
    """Change a template. A retired one is kept, and used no more.

    Raises:
        InvalidInput: as of `write_template`.
        TemplateNotFound, VersionMismatch: there is none, or not at one of the versions wanted.
    """
    template = template_to_change(session, template_id, wanted)
    _check(session, template_id, name, text)
    with or_taken(session, InvalidInput(_TAKEN)):
        template.name, template.text, template.retired = name, text, retired
        template.changed_by, template.changed_at = by, now
    return template


def template_to_change(session: Session, template_id: UUID, wanted: Versions) -> AnswerTemplate:
    """The template, locked.

    Raises:
        TemplateNotFound, VersionMismatch: there is none, or not at one of the versions wanted.
    """
    template = session.get(AnswerTemplate, template_id, with_for_update=True)
    if template is None:
        raise TemplateNotFound
    check_version(template.version, wanted)
    return template


def fill_template(
    session: Session, template_id: UUID, complaint_id: UUID, *, now: datetime
) -> tuple[str, list[Placeholder]]:
    """The template's text for a complaint, and the placeholders for which the complaint has nothing.

    Raises:
        TemplateNotFound, ComplaintNotFound: there is none.
    """
    template = session.get(AnswerTemplate, template_id)
    if template is None:
        raise TemplateNotFound
    complaint = session.get(Complaint, complaint_id)
    if complaint is None:
        raise ComplaintNotFound
    complainant = session.get(Complainant, complaint_id)
    place = [complaint.community, complaint.subdistrict, complaint.district, complaint.province]
    values = {
        Placeholder.COMPLAINANT: full_name(
            *(getattr(complainant, name, None) for name in ("title", "first_name", "last_name"))
        ),
        Placeholder.TRACKING_NUMBER: complaint.tracking_number,
        Placeholder.SUBJECT: complaint.subject,
        Placeholder.PLACE: " ".join(part for part in place if part),
        Placeholder.RECEIVED_ON: long_date(bangkok_date(complaint.received_at)),
        Placeholder.DUE_ON: long_date(due_day(complaint.due_at)),
        Placeholder.TODAY: long_date(bangkok_date(now)),
    }
    return filled(template.text, values)


def _check(session: Session, template_id: UUID | None, name: str, text: str) -> None:
    wrong = []
    unknown = unknown_placeholders(text)
    if unknown:
        said = {"unknown": ", ".join(f"{{{{{name}}}}}" for name in unknown), "known": ", ".join(Placeholder)}
        wrong.append(FieldError("/text", "unknown_placeholder", _UNKNOWN, values=said))
    others = sa.select(AnswerTemplate.id).where(AnswerTemplate.name == name, AnswerTemplate.id != template_id)
    if template_id is None:
        others = sa.select(AnswerTemplate.id).where(AnswerTemplate.name == name)
    if session.scalar(others) is not None:
        wrong.append(_TAKEN)
    if wrong:
        raise InvalidInput(*wrong)
