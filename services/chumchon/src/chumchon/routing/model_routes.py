"""The models that routing has learned, over HTTP: how good they are, and which one is in force."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import Field

from chumchon.codes import TrainingOutcome
from chumchon.filters import NEWEST
from chumchon.routing import registry
from chumchon.steps import DIRECTOR, OFFICERS
from servicekit.clock import Now
from servicekit.fields import Body, Text, View
from servicekit.identity import Actor, require
from servicekit.paging import Cursor, Limit, Page, decode_cursor, make_page
from servicekit.routes import Reading, Router, Transaction

router = Router(tags=["routing"], prefix="/routing")

Officer = Annotated[Actor, Depends(require(*OFFICERS))]
Director = Annotated[Actor, Depends(require(DIRECTOR))]


class FiguresView(View):
    """How it did on confirmed cases that it had not seen; shares from 0 to 1."""

    examples: int = Field(description="How many cases it was judged on.", examples=[412])
    accuracy: float = Field(description="Cases put under the right topic.", examples=[0.87])
    macro_f1: float = Field(description="F1, each topic counting alike.", examples=[0.84])
    calibration_error: float = Field(description="Expected calibration error: how far confidence is off.")
    coverage: float = Field(description="Cases that it can decide alone so that 95 % go to the right group.")
    threshold: float = Field(description="The confidence from which it decides alone; above 1: it never does.")


class ModelView(View):
    """One version of the model, without what it has learned."""

    version: int
    trained_at: datetime
    trained_by: str
    learned_from: int = Field(description="Confirmed cases that it has learned from.", examples=[1648])
    outcome: TrainingOutcome
    figures: FiguresView
    compared_with: int | None = Field(description="The model then in force; null: that of the first day.")
    compared_figures: FiguresView = Field(description="How that did on the same cases.")
    bytes: int
    in_force: bool


class ActivationView(View):
    """One decision on which model routing asks."""

    id: int
    model_version: int | None = Field(description="Null: none; the rules decide, with the model of the first day.")
    restores: int | None = Field(description="For a rollback, the activation that it goes back to.")
    activated_at: datetime
    activated_by: str
    reason: str


class Why(Body):
    """Why another model is to be asked."""

    reason: Annotated[str, Text(2000)] = Field(examples=["ส่งเรื่องร้องเรียนผิดกลุ่มหลายเรื่องตั้งแต่เมื่อวาน"])


@router.get("/models", summary="Every model that was trained, newest first")
def list_models(
    *,
    request: Request,
    response: Response,
    session: Reading,
    _: Officer,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[ModelView]:
    """With its figures, and those of what it was compared with."""
    before = decode_cursor(request, cursor, [int])[0] if cursor else NEWEST
    return make_page(
        registry.find_models(session, before=before, limit=limit + 1),
        limit=limit,
        request=request,
        response=response,
        view=ModelView.model_validate,
        position=lambda row: (row.version,),
    )


@router.get("/models/{version}", summary="One model, with its figures")
def get_model(version: int, session: Reading, _: Officer) -> ModelView:
    """What it has learned stays in the database."""
    return ModelView.model_validate(registry.model_of(session, version))


@router.post("/models/{version}/activation", summary="Put a model in force")
def post_activation(version: int, why: Why, session: Transaction, now: Now, actor: Director) -> ModelView:
    """From the next case on, in every process."""
    registry.activate(session, version, reason=why.reason, by=actor.subject, now=now)
    return ModelView.model_validate(registry.model_of(session, version))


@router.post("/models/rollback", status_code=201, summary="Go back to the model that was in force before")
def post_rollback(why: Why, session: Transaction, now: Now, actor: Director) -> ActivationView:
    """Before the first one, the rules decided with the model of the first day.

    A second rollback goes one step further back.
    """
    registry.roll_back(session, reason=why.reason, by=actor.subject, now=now)
    return ActivationView.model_validate(registry.find_activations(session, before=NEWEST, limit=1)[0])


@router.get("/activations", summary="Which model was in force when, newest first")
def list_activations(
    *,
    request: Request,
    response: Response,
    session: Reading,
    _: Officer,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[ActivationView]:
    """With who decided it and why."""
    before = decode_cursor(request, cursor, [int])[0] if cursor else NEWEST
    return make_page(
        registry.find_activations(session, before=before, limit=limit + 1),
        limit=limit,
        request=request,
        response=response,
        view=ActivationView.model_validate,
        position=lambda row: (row.id,),
    )
