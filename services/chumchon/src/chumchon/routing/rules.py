"""Route a case by its content: weighted terms that people edit, and beside them a model that has learned.

Pure: text, rules and model in, decision out; the same input always gives the same decision. Whatever is not
clear is left to people, with the two topics that are most likely.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, partial
from importlib import resources
from typing import Any, Final, Protocol, Self

from chumchon.routing.terms import Terms
from chumchon.routing.texts import CaseText
from chumchon.work_groups import OTHER, TOPICS, Topic, WorkGroup, topics_of, work_group_of
from servicekit.fields import Line
from servicekit.words import Words
from thaikit.text import normalise

# A topic is believed when its group holds this share of all that speaks, counted with `DOUBT`.
CLEAR_SHARE: Final = 0.6
# And when what speaks for any other group, or for nobody of ours, has no more than this share.
FAINT_SHARE: Final = 0.15
# A model seconds rules when it takes their group for more likely than not.
SECONDED_FROM: Final = 0.5
# Speaks against every topic, so that one weak term alone routes nothing.
DOUBT: Final = 1.0
# A term found with other tone marks than its own still speaks, but not as loud.
MISSPELT: Final = 0.8
MAX_WEIGHT: Final = 5.0
MAX_TERM_LENGTH: Final = 100
PROPOSALS: Final = 2


class Method(StrEnum):
    """Who decided a routing."""

    RULE = "rule"
    MODEL = "model"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class TermWeight:
    """A term found in the text: for the topic when its weight is positive, against it when negative."""

    term: str
    weight: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """A topic that may be right, with its share of the evidence, 0 to 1."""

    topic: Topic
    share: float


@dataclass(frozen=True, slots=True)
class Routing:
    """What was decided about a text, and why.

    `confidence` (0 to 1) is that of the work group, which is where the case goes. When `abstained`, topic and
    group are None, and `terms` speak for and against the first of the proposals.
    """

    topic: Topic | None
    work_group: WorkGroup | None
    method: Method
    confidence: float
    abstained: bool
    terms: tuple[TermWeight, ...]
    proposals: tuple[Proposal, ...]


class Reading(Protocol):
    """What a model made of one text."""

    @property
    def probabilities(self) -> Mapping[str, float]:
        """Of each topic and of `OTHER`; together 1."""

    @property
    def knows_words(self) -> bool:
        """Whether the text has any word of substance that the model has learned."""

    def reasons(self, label: str) -> tuple[TermWeight, ...]:
        """The words that spoke most for and against a label, strongest first."""


class Model(Protocol):
    """A trained model; `threshold` is the confidence from which it may decide alone."""

    @property
    def threshold(self) -> float:
        """The group's probability from which decisions on held-back cases were right often enough."""

    @property
    def taught_by_people(self) -> bool:
        """Whether it has learned what people decided; else the rules have the first word."""

    def read(self, text: CaseText) -> Reading:
        """Judge one text."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with rules to be saved, and what to do; `pointer` is a JSON Pointer into them (RFC 6901)."""

    pointer: str
    detail: Words
    code: str = "broken_rule"


class BrokenRules(ValueError):
    """Rules that cannot be saved, with every fault at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.pointer}: {fault.detail.en}" for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Rules:
    """Weighted terms by topic, and phrases that say nothing of the topic though terms stand in them.

    `other` has the terms of what belongs to none of our topics: where one stands, people decide.
    """

    topics: Mapping[Topic, Mapping[str, float]]
    ignored: tuple[str, ...] = ()
    other: Mapping[str, float] = field(default_factory=dict)
    _terms: Terms = field(init=False, repr=False, compare=False)
    _weights: Mapping[str, Mapping[str, float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weights: defaultdict[str, dict[str, float]] = defaultdict(dict, {phrase: {} for phrase in self.ignored})
        for label, terms in self.labels.items():
            for term, weight in terms.items():
                weights[term][label] = weight
        object.__setattr__(self, "_weights", weights)
        object.__setattr__(self, "_terms", Terms(weights))

    @property
    def labels(self) -> Mapping[str, Mapping[str, float]]:
        """The terms of each topic and of `OTHER`, as a model learns them."""
        return {**{topic.value: terms for topic, terms in self.topics.items()}, OTHER: self.other}

    def matches(self, text: CaseText) -> Iterator[tuple[str, Mapping[str, float]]]:
        """The terms in a text, each once, with their weights; one inside a longer one is not counted."""
        for term, exact in self._terms.found(text):
            if weights := self._weights[term]:
                loudness = 1.0 if exact else MISSPELT
                yield term, {label: weight * loudness for label, weight in weights.items()}

    def as_data(self) -> dict[str, object]:
        """The form in which rules are stored, edited and sent."""
        return {
            "ignored": list(self.ignored),
            "topics": {topic.value: dict(terms) for topic, terms in self.topics.items()},
            "other": dict(self.other),
        }

    @classmethod
    def of_stored(cls, data: Mapping[str, Any]) -> Self:
        """From the form of `as_data`, unchecked: what was once saved holds, whatever is refused since.

        `ignored` and `other` may be missing.
        """
        return cls(
            {topic: _weighted(data["topics"][topic.value]) for topic in Topic},
            tuple(data.get("ignored", ())),
            _weighted(data.get("other", {})),
        )


def _weighted(terms: Mapping[str, float]) -> dict[str, float]:
    return {term: float(weight) for term, weight in terms.items()}


_KEYS: Final = ("topics", "other", "ignored")
_NO_KEY: Final = Words(
    "ไม่รู้จักชื่อนี้ โปรดใช้ topics, other หรือ ignored", "There is no such field: use `topics`, `other` or `ignored`."
)
_NOT_TOPICS: Final = Words(
    "โปรดส่งหัวข้อเป็น object โดยแต่ละหัวข้อเป็น object ของคำและน้ำหนัก",
    "Send an object of topics, each of them an object of terms and weights.",
)
_NOT_TERMS: Final = Words("โปรดส่งเป็น object ของคำและน้ำหนัก", "Send an object of terms and weights.")
_NOT_PHRASES: Final = Words("โปรดส่งเป็นรายการของวลี", "Send a list of phrases.")
_NO_TOPIC: Final = Words(
    "ไม่มีหัวข้อนี้ โปรดใช้รหัสหัวข้อจาก /v1/code-lists/topics",
    "There is no such topic: use one of /v1/code-lists/topics.",
)
_NOTHING_SPEAKS: Final = Words(
    "โปรดเพิ่มคำที่มีน้ำหนักเป็นบวกอย่างน้อยหนึ่งคำ มิฉะนั้นจะไม่มีเรื่องใดเข้าหัวข้อนี้",
    "Add at least one term with a positive weight, or nothing is ever routed to this topic.",
)
_NO_WEIGHT: Final = Words(
    f"โปรดใส่น้ำหนักเป็นตัวเลขตั้งแต่ -{MAX_WEIGHT:g} ถึง {MAX_WEIGHT:g} ที่ไม่ใช่ 0",
    f"Give a weight from -{MAX_WEIGHT:g} to {MAX_WEIGHT:g} that is not 0.",
)
_ALSO_A_TERM: Final = Words(
    "วลีนี้เป็นคำของหัวข้อด้วย โปรดลบออกจากที่หนึ่ง", "This is also a term of a topic: remove it from one of the two."
)
_TOO_LONG: Final = Words(
    f"โปรดใช้ข้อความไม่เกิน {MAX_TERM_LENGTH} ตัวอักษร", f"Use a text of at most {MAX_TERM_LENGTH} characters."
)
_CONTROL_CHARACTER: Final = Words(
    "มีอักขระควบคุมที่ไม่อนุญาต โปรดลบออก", "It has a control character, which is not allowed: remove it."
)
_TOO_SHORT: Final = Words(
    "โปรดใช้ตัวอักษรหรือตัวเลขอย่างน้อยสองตัว เพราะตัวเดียวพบในเกือบทุกเรื่อง",
    "Use at least two letters or digits: a single one stands in nearly every text.",
)


def rules_from(data: object) -> Rules:
    """Rules from their stored form `{"ignored": [phrase], "topics": {topic: {term: weight}}, "other": {term: weight}}`.

    `ignored` and `other` may be missing.

    Raises BrokenRules with every fault: an unknown key, which may be a misspelt one, an unknown topic, a topic without
    a term that speaks for it, a term that is empty, too long, one character, has a control character, or is the same as
    another but for its spelling, a weight that is not a number from -5 to 5 or is 0, an ignored phrase that is a term.
    """
    if not isinstance(data, Mapping):
        raise BrokenRules([Fault("/topics", _NOT_TOPICS)])
    faults = [Fault(f"/{_escaped(key)}", _NO_KEY, "unknown_field") for key in data if key not in _KEYS]
    if isinstance(topics := data.get("topics"), Mapping):
        faults.extend(_faults(topics, data.get("ignored", []), data.get("other", {})))
    else:
        faults.append(Fault("/topics", _NOT_TOPICS))
    if faults:
        raise BrokenRules(faults)
    return Rules.of_stored(data)


def _faults(topics: Mapping[object, object], ignored: object, other: object) -> Iterator[Fault]:
    for key in topics:
        if key not in TOPICS:
            yield Fault(f"/topics/{_escaped(key)}", _NO_TOPIC)
    terms_of_labels: set[str] = set()
    for topic in Topic:
        terms = topics.get(topic.value)
        if not isinstance(terms, Mapping):
            yield Fault(f"/topics/{topic}", _NOT_TERMS)
            continue
        yield from _faults_of_terms(f"/topics/{topic}", terms)
        terms_of_labels.update(normalise(term) for term in terms if isinstance(term, str))
        if not any(_is_weight(weight) and weight > 0 for weight in terms.values()):
            yield Fault(f"/topics/{topic}", _NOTHING_SPEAKS)
    if not isinstance(other, Mapping):
        yield Fault("/other", _NOT_TERMS)
    else:
        yield from _faults_of_terms("/other", other)
        terms_of_labels.update(normalise(term) for term in other if isinstance(term, str))
    if not isinstance(ignored, list):
        yield Fault("/ignored", _NOT_PHRASES)
        return
    yield from _faults_of_phrases(ignored, terms_of_labels)


def _faults_of_terms(pointer: str, terms: Mapping[object, object]) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for term, weight in terms.items():
        here = f"{pointer}/{_escaped(term)}"
        if fault := _fault_of_text(here, term):
            yield fault
        elif (other := seen.setdefault(normalise(str(term)), str(term))) != term:
            yield Fault(
                here,
                Words(
                    f"เป็นคำเดียวกับ “{other}” โปรดลบออกคำหนึ่ง",
                    f"This is the same term as “{other}”: remove one of the two.",
                ),
            )
        if not _is_weight(weight):
            yield Fault(here, _NO_WEIGHT)


def _faults_of_phrases(phrases: list[object], terms: set[str]) -> Iterator[Fault]:
    for at, phrase in enumerate(phrases):
        here = f"/ignored/{at}"
        if fault := _fault_of_text(here, phrase):
            yield fault
        elif normalise(str(phrase)) in terms:
            yield Fault(here, _ALSO_A_TERM)


def _fault_of_text(pointer: str, text: object) -> Fault | None:
    if not isinstance(text, str) or len(text) > MAX_TERM_LENGTH:
        return Fault(pointer, _TOO_LONG)
    if Line.refused_characters.search(text):
        return Fault(pointer, _CONTROL_CHARACTER, "control_character")
    if sum(map(str.isalnum, normalise(text))) < 2:  # noqa: PLR2004  # one letter stands in nearly every text
        return Fault(pointer, _TOO_SHORT)
    return None


def _is_weight(weight: object) -> bool:
    return (
        isinstance(weight, int | float)
        and not isinstance(weight, bool)
        and 0 < abs(weight) <= MAX_WEIGHT  # false for NaN too
    )


def _escaped(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")


@cache
def first_rules() -> Rules:
    """The rules that the Office begins with."""
    return rules_from(json.loads(resources.files(__package__).joinpath("terms.json").read_text(encoding="utf-8")))


def route(text: str | CaseText, rules: Rules, model: Model | None = None) -> Routing:
    """Decide which topic, and so which work group, answers a text (subject and details).

    A model decides where its calibrated confidence suffices. The rules decide where next to nothing but one group's
    terms is found, with enough weight, and the model takes that group for more likely than not; that is asked first
    until people have taught a model. A text that the model takes for none of ours, or of which it knows no word of
    substance, is left to people.
    """
    case = CaseText(text) if isinstance(text, str) else text
    weights = dict(rules.matches(case))
    shares, doubt = _shares(weights.values())
    by_rules, share = _best_group(shares)
    clear = share >= CLEAR_SHARE and 1 - share - doubt <= FAINT_SHARE
    spoken = partial(_spoken, weights)
    if model is None:
        return _decision(by_rules if clear else None, Method.RULE, share, shares, spoken)
    reading = model.read(case)
    learned = {topic: reading.probabilities.get(topic.value, 0.0) for topic in Topic}
    group, probability = _best_group(learned)
    ours = reading.knows_words and reading.probabilities.get(OTHER, 0.0) < probability
    both = {topic: (learned[topic] + shares[topic]) / 2 for topic in Topic} if reading.knows_words else shares
    seconded = ours and clear and by_rules is group and probability >= SECONDED_FROM
    if ours and probability >= model.threshold and (model.taught_by_people or not seconded):
        return _decision(group, Method.MODEL, probability, learned, reading.reasons)
    if seconded:
        return _decision(by_rules, Method.RULE, share, both, spoken)
    if model.threshold > 1 or (weights and not model.taught_by_people):
        return _decision(None, Method.RULE, share, both, spoken)
    return _decision(None, Method.MODEL, probability, both, reading.reasons)


def _decision(
    group: WorkGroup | None,
    method: Method,
    confidence: float,
    shares: Mapping[Topic, float],
    reasons: Callable[[Topic], Iterable[TermWeight]],
) -> Routing:
    """A decision for a group, or for none; `reasons` tells what spoke for and against a topic."""
    topic = _best_topic(shares, _best_group(shares)[0] if group is None else group)
    likely = sorted((Proposal(topic, round(share, 4)) for topic, share in shares.items() if share > 0), key=_by_share)
    return Routing(
        topic=None if group is None else topic,
        work_group=group,
        method=method,
        confidence=round(confidence, 4),
        abstained=group is None,
        terms=tuple(reasons(topic)),
        proposals=tuple(likely[:PROPOSALS]),
    )


def _by_share(proposal: Proposal) -> float:
    return -proposal.share


def _shares(found: Iterable[Mapping[str, float]]) -> tuple[dict[Topic, float], float]:
    """Of all that speaks, the share of each topic, and that of doubt; what is left is that of `OTHER`."""
    scores: defaultdict[str, float] = defaultdict(float)
    for weights in found:
        for label, weight in weights.items():
            scores[label] += weight
    spoken = {label: max(0.0, score) for label, score in scores.items()}
    total = sum(spoken.values()) + DOUBT
    return {topic: spoken.get(topic, 0.0) / total for topic in Topic}, DOUBT / total


def _best_group(shares: Mapping[Topic, float]) -> tuple[WorkGroup, float]:
    by_group = {group: sum(shares[topic] for topic in topics_of(group)) for group in WorkGroup}
    best = max(by_group, key=by_group.__getitem__)
    return best, by_group[best]


def _best_topic(shares: Mapping[Topic, float], group: WorkGroup) -> Topic:
    return max(topics_of(group), key=shares.__getitem__)


def _spoken(weights: Mapping[str, Mapping[str, float]], topic: Topic) -> Iterator[TermWeight]:
    """The terms found: for a topic with their weight, for what another group or nobody answers with its negative."""
    for term, by_label in weights.items():
        if topic in by_label:
            yield TermWeight(term, by_label[topic])
        elif rivals := [
            weight
            for label, weight in by_label.items()
            if label == OTHER or work_group_of(Topic(label)) is not work_group_of(topic)
        ]:
            yield TermWeight(term, -max(rivals))
