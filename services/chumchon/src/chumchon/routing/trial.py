"""A trial of changed rules: where past cases would go, and whether people have said so. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from chumchon.routing.rules import Model, Reading, Rules, route
from chumchon.routing.texts import CaseText
from chumchon.work_groups import Topic, WorkGroup

CaseId = TypeVar("CaseId")


@dataclass(frozen=True, slots=True)
class PastCase(Generic[CaseId]):
    """A case as it was opened, and, where `confirmed`, to which group people say it belongs; None: to none of ours."""

    id: CaseId
    text: str
    confirmed: bool
    work_group: WorkGroup | None


@dataclass(frozen=True, slots=True)
class Change(Generic[CaseId]):
    """A case that the changed rules would send elsewhere than the present ones."""

    id: CaseId
    before: Topic | None
    after: Topic | None


@dataclass(frozen=True, slots=True)
class Trial(Generic[CaseId]):
    """What changed rules would change.

    `confirmed` counts the cases of which people have said where they belong; `right_before` and `right_after` how many
    of them the present and the changed rules send there. What is none of ours is right in triage.
    """

    cases: int
    confirmed: int
    right_before: int
    right_after: int
    abstained_before: int
    abstained_after: int
    changes: Sequence[Change[CaseId]]


@dataclass(frozen=True, slots=True)
class _ReadOnce:
    """A model that has read its text already, so that two trials of one text cost one reading."""

    threshold: float
    taught_by_people: bool
    reading: Reading

    @classmethod
    def of(cls, model: Model, text: CaseText) -> "_ReadOnce":
        return cls(model.threshold, model.taught_by_people, model.read(text))

    def read(self, _text: CaseText) -> Reading:
        return self.reading


class Basis(Protocol):
    """Rules, and the model that is asked beside them."""

    @property
    def rules(self) -> Rules:
        """What people wrote."""

    @property
    def model(self) -> Model:
        """What was learned."""


def try_rules(cases: Iterable[PastCase[CaseId]], present: Basis, changed: Basis) -> Trial[CaseId]:
    """Route past cases as things are and by changed rules, and compare."""
    tried = []
    for case in cases:
        text = CaseText(case.text)
        before = _ReadOnce.of(present.model, text)
        same = changed.model is present.model
        after = before if same else _ReadOnce.of(changed.model, text)
        tried.append((case, route(text, present.rules, before), route(text, changed.rules, after)))
    confirmed = [it for it in tried if it[0].confirmed]
    return Trial(
        cases=len(tried),
        confirmed=len(confirmed),
        right_before=sum(before.work_group is case.work_group for case, before, _ in confirmed),
        right_after=sum(after.work_group is case.work_group for case, _, after in confirmed),
        abstained_before=sum(before.abstained for _, before, _ in tried),
        abstained_after=sum(after.abstained for _, _, after in tried),
        changes=[
            Change(case.id, before.topic, after.topic) for case, before, after in tried if before.topic != after.topic
        ],
    )
