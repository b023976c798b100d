"""Answer templates: texts with places to fill, from which officers begin an answer."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import Body as RequestBody
from fastapi import Query, Response
from pydantic import ConfigDict

from center1111.codes import Placeholder
from center1111.fields import LongText, Name
from center1111.records import AnswerTemplate
from center1111.roles import CaseOfficer, Officer, TemplateEditor
from center1111.templates import actions
from center1111.templates.actions import TemplateNotFound
from servicekit.clock import Now
from servicekit.fields import Body, Versioned, View
from servicekit.merge_patch import patched
from servicekit.paging import Page
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatchRequired

router = Router(tags=["tellings"])


class NewTemplate(Body):
    """A template; its places are in double braces, their names at `/v1/code-lists/answer_placeholders`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "แจ้งกำหนดโอนเงิน",
                    "text": "เรียน {{complainant}}\n\nเรื่องเลขที่ {{tracking_number}} ซึ่งรับไว้เมื่อ {{received_on}}"
                    " สำนักงานจะโอนเงินเข้าบัญชีของชุมชนภายใน 30 วันทำการ",
                }
            ]
        }
    )

    name: Name
    text: LongText


class ChangedTemplate(NewTemplate):
    """What of a template can be changed."""

    retired: bool


class TemplateView(Versioned):
    """An answer template."""

    id: UUID
    name: str
    text: str
    retired: bool
    changed_at: datetime
    changed_by: str


class Preview(Body):
    """For which complaint to fill a template."""

    complaint_id: UUID


class PreviewView(View):
    """A filled template. What is `missing` was left standing in the text, for the officer to write."""

    text: str
    missing: list[Placeholder]


@router.post("/answer-templates", status_code=201, summary="Write an answer template")
def post_template(
    new: NewTemplate, session: Transaction, now: Now, actor: TemplateEditor, response: Response
) -> TemplateView:
    """An unknown placeholder is refused."""
    template = actions.write_template(session, name=new.name, text=new.text, by=actor.subject, now=now)
    response.headers["Location"] = f"/v1/answer-templates/{template.id}"
    return TemplateView.model_validate(template)


@router.get("/answer-templates", summary="All answer templates, by name")
def list_templates(
    *,
    session: Reading,
    actor: Officer,  # noqa: ARG001  # who may
    retired: Annotated[bool, Query(description="Those that are used no more.")] = False,
) -> Page[TemplateView]:
    """Those in use, unless others are asked for."""
    rows = session.scalars(
        sa.select(AnswerTemplate).where(AnswerTemplate.retired == retired).order_by(AnswerTemplate.name)
    )
    return Page(items=[TemplateView.model_validate(row) for row in rows], next=None)


@router.get("/answer-templates/{template_id}", summary="Read an answer template")
def get_template(template_id: UUID, session: Reading, actor: Officer) -> TemplateView:  # noqa: ARG001  # who may
    """As it was last changed."""
    template = session.get(AnswerTemplate, template_id)
    if template is None:
        raise TemplateNotFound
    return TemplateView.model_validate(template)


@router.patch(
    "/answer-templates/{template_id}",
    summary="Change an answer template",
    openapi_extra={
        "requestBody": {
            "content": {
                "application/merge-patch+json": {
                    "schema": {"type": "object"},
                    "examples": {"retire": {"value": {"retired": True}}},
                }
            }
        }
    },
)
def patch_template(
    template_id: UUID,
    patch: Annotated[dict[str, Any], RequestBody()],
    *,
    session: Transaction,
    now: Now,
    actor: TemplateEditor,
    wanted: IfMatchRequired,
) -> TemplateView:
    """JSON Merge Patch (RFC 7396). Answers that were given from it stay as they are."""
    template = actions.template_to_change(session, template_id, wanted)
    present = {name: getattr(template, name) for name in ChangedTemplate.model_fields}
    changed = patched(ChangedTemplate, present, patch)
    return TemplateView.model_validate(
        actions.change_template(
            session,
            template_id,
            name=changed.name,
            text=changed.text,
            retired=changed.retired,
            wanted=wanted,
            by=actor.subject,
            now=now,
        )
    )


@router.post("/answer-templates/{template_id}/preview", summary="Fill a template for a complaint")
def post_preview(
    template_id: UUID,
    new: Preview,
    *,
    session: Reading,
    now: Now,
    actor: CaseOfficer,  # noqa: ARG001  # who may
) -> PreviewView:
    """Changes nothing: an officer reads the text, completes it, and answers with it."""
    text, missing = actions.fill_template(session, template_id, new.complaint_id, now=now)
    return PreviewView(text=text, missing=missing)
