"""Train the next model on what people have confirmed and corrected, and put it in force if it is better.

A fifth of the confirmations is never learned from, always the same fifth, by a hash of their text: so a new model, the
one in force and the rules are judged on cases that none of them has seen, and equal texts never stand on both sides.

Loads scikit-learn: for the training command, not for the service.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zlib import crc32

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.codes import TrainingOutcome
from chumchon.confirmations import confirmations, unconfirmed
from chumchon.records import Case, RoutingModel
from chumchon.routing.examples import Example, first_examples
from chumchon.routing.model import TrainedModel
from chumchon.routing.registry import activate, save_model
from chumchon.routing.rules import Rules
from chumchon.routing.texts import CaseText
from chumchon.routing.training import FEW, Figures, judge, train
from chumchon.rulebook import routing_basis
from chumchon.work_groups import OTHER, Topic, work_group_of
from servicekit.database import Query, Sessions

LEARN_FROM: Final = 20_000
"""The newest confirmations count: rules and words of the programme change, and training stays within two minutes."""
LEARN_BESIDE: Final = 5_000
"""So many of the newest cases that nobody has confirmed tell how people write, while confirmations are few."""
_HELD_BACK_OF: Final = 5
# Part of what a model is made of: to be changed when training changes, so that old examples are learned from again.
_TRAINING: Final = 4

_newest = Query(confirmations.order_by(Case.received_at.desc(), Case.id.desc()).limit(LEARN_FROM))
_newest_unconfirmed = Query(unconfirmed.order_by(Case.received_at.desc(), Case.id.desc()).limit(LEARN_BESIDE))


class NothingToLearn(Exception):
    """There are too few confirmations, or the newest model has learned from these already; the message says which."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that was trained and kept; `in_force` when it took the place of the one before."""

    version: int
    learned_from: int
    figures: Figures
    compared_with: int | None
    compared_figures: Figures
    in_force: bool


def learn(sessions: Sessions, *, by: str, now: datetime) -> Trained:
    """Train a model, keep it with its figures, and put it in force if it is better than what is.

    Takes up to a minute or two, during which no transaction is open.

    Raises:
        NothingToLearn: too few confirmations, or none that are new.
    """
    with sessions() as session:
        basis = routing_basis(session)
        examples = _examples(session)
        beside = [_text(row) for row in sorted(_newest_unconfirmed.all(session), key=_id)]
        last_material = session.scalar(sa.select(RoutingModel.material).order_by(RoutingModel.version.desc()).limit(1))
    learned, held_back = split(examples)
    if len(held_back) < FEW:
        raise NothingToLearn(
            f"{len(examples)} confirmed cases, of which {len(held_back)} are held back to judge by: {FEW} are needed"
        )
    material = _material(examples, basis.rules)
    if material == last_material:
        raise NothingToLearn("the newest model has learned from these confirmations and terms already")
    # What is held back is not to be seen, not even without its label.
    judged_by = {example.text for example in held_back}
    beside = [text for text in beside if text not in judged_by]
    model, _ = train(learned, basis.rules.labels, first=first_examples(), unlabelled=beside, group_of=_group_of)
    figures = _judged(held_back, model)
    compared = _judged(held_back, basis.model)
    better = is_better(figures, compared)
    with sessions.begin() as session:
        version = save_model(
            session,
            model.to_bytes(),
            material=material,
            learned_from=len(learned),
            outcome=TrainingOutcome.BETTER if better else TrainingOutcome.NOT_BETTER,
            figures=asdict(figures),
            compared_with=basis.model_version,
            compared_figures=asdict(compared),
            by=by,
            now=now,
        )
        # Whoever chose another model meanwhile has the last word.
        in_force = better and routing_basis(session).model_version == basis.model_version
        if in_force:
            reason = f"better than {_named(basis.model_version)} on {len(held_back)} confirmations held back"
            activate(session, version, reason=reason, by=by, now=now)
    return Trained(version, len(learned), figures, basis.model_version, compared, in_force)


def is_better(figures: Figures, than: Figures) -> bool:
    """Whether a model is to take the place of another: no worse by any measure, and better by one.

    The measures: cases put under the right topic, macro-F1 so that rare topics count, and the share of cases that it
    may decide alone.
    """
    new, present = ((it.accuracy, it.macro_f1, it.coverage) for it in (figures, than))
    return new != present and all(ours >= theirs for ours, theirs in zip(new, present, strict=True))


def split(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """The examples to learn from, and those held back: by their text, so the same in every run."""
    learned: list[Example] = []
    held_back: list[Example] = []
    for example in examples:
        (learned if crc32(example.text.encode()) % _HELD_BACK_OF else held_back).append(example)
    return learned, held_back


def _examples(session: Session) -> list[Example]:
    # Each text once, under what people decided last.
    labels = {_text(row): row.label for row in sorted(_newest.all(session), key=_id)}
    return [Example(text, label) for text, label in labels.items()]


def _id(row: Any) -> UUID:  # noqa: ANN401  # a row
    found: UUID = row.id
    return found


def _text(row: Any) -> str:  # noqa: ANN401  # a row
    return f"{row.subject}\n{row.details}"


def _material(examples: Sequence[Example], rules: Rules) -> bytes:
    content = [_TRAINING, rules.as_data(), sorted((example.text, example.label) for example in examples)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def _judged(held_back: Sequence[Example], model: TrainedModel) -> Figures:
    told = [model.read(CaseText(example.text)).probabilities for example in held_back]
    probabilities = np.array([[one[label] for label in model.labels] for one in told])
    figures = judge(model.labels, probabilities, np.array([example.label for example in held_back]), _group_of)
    return replace(figures, threshold=model.threshold)


def _group_of(label: str) -> str:
    return label if label == OTHER else work_group_of(Topic(label)).value


def _named(version: int | None) -> str:
    return "the first day's" if version is None else f"version {version}"
