"""Route a case by its content: weighted terms that people edit, and beside them a model that has learned.

Pure: text, rules and model in, decision out; the same input always gives the same decision. Whatever is not
clear is left to people, with the two topics that are most likely.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final, Protocol

from chumchon.routing.terms import Terms
from chumchon.work_groups import OTHER, TOPICS, Topic, WorkGroup, topics_of, work_group_of
from thaikit.text import normalise

# The subject and the first page say what a case is about; reading on would cost time and blur the topic.
READ_CHARACTERS: Final = 2_000
# A topic is believed when its group holds this share of all that speaks, counted with `DOUBT`.
CLEAR_SHARE: Final = 0.6
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

    def read(self, text: str) -> Reading:
        """Judge one text."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with rules to be saved; `pointer` is a JSON Pointer into them (RFC 6901)."""

    pointer: str
    detail: str


class BrokenRules(ValueError):
    """Rules that cannot be saved, with every fault at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Rules:
    """Weighted terms by topic, and phrases that say nothing of the topic though terms stand in them."""

    topics: Mapping[Topic, Mapping[str, float]]
    ignored: tuple[str, ...] = ()
    _terms: Terms = field(init=False, repr=False, compare=False)
    _weights: Mapping[str, Mapping[Topic, float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weights: defaultdict[str, dict[Topic, float]] = defaultdict(dict, {phrase: {} for phrase in self.ignored})
        for topic, terms in self.topics.items():
            for term, weight in terms.items():
                weights[term][topic] = weight
        object.__setattr__(self, "_weights", weights)
        object.__setattr__(self, "_terms", Terms(weights))

    def matches(self, text: str) -> Iterator[tuple[str, Mapping[Topic, float]]]:
        """The terms in a text, each once, with their weights; one inside a longer one is not counted."""
        for term, exact in self._terms.found(normalise(text[:READ_CHARACTERS])):
            if weights := self._weights[term]:
                loudness = 1.0 if exact else MISSPELT
                yield term, {topic: weight * loudness for topic, weight in weights.items()}

    def as_data(self) -> dict[str, object]:
        """The form in which rules are stored, edited and sent."""
        return {
            "ignored": list(self.ignored),
            "topics": {topic.value: dict(terms) for topic, terms in self.topics.items()},
        }


def rules_from(data: object) -> Rules:
    """Rules from their stored form `{"ignored": [phrase], "topics": {topic: {term: weight}}}`.

    Raises BrokenRules with every fault: an unknown topic, a topic without a term that speaks for it, a term
    that is empty, too long, one character, or the same as another but for its spelling, a weight that is not
    a number from -5 to 5 or is 0, an ignored phrase that is a term.
    """
    if not isinstance(data, Mapping) or not isinstance(topics := data.get("topics"), Mapping):
        raise BrokenRules([Fault("/topics", "must be an object of topics, each an object of terms and weights")])
    ignored = data.get("ignored", [])
    faults = list(_faults(topics, ignored))
    if faults:
        raise BrokenRules(faults)
    return Rules(
        {topic: {term: float(weight) for term, weight in topics[topic.value].items()} for topic in Topic},
        tuple(ignored),
    )


def _faults(topics: Mapping[object, object], ignored: object) -> Iterator[Fault]:
    for key in topics:
        if key not in TOPICS:
            yield Fault(f"/topics/{_escaped(key)}", "is not a topic")
    terms_of_topics: set[str] = set()
    for topic in Topic:
        terms = topics.get(topic.value)
        if not isinstance(terms, Mapping):
            yield Fault(f"/topics/{topic}", "must be an object of terms and weights")
            continue
        yield from _faults_of_terms(f"/topics/{topic}", terms)
        terms_of_topics.update(normalise(term) for term in terms if isinstance(term, str))
        if not any(_is_weight(weight) and weight > 0 for weight in terms.values()):
            yield Fault(f"/topics/{topic}", "needs at least one term with a positive weight")
    if not isinstance(ignored, list):
        yield Fault("/ignored", "must be a list of phrases")
        return
    yield from _faults_of_phrases(ignored, terms_of_topics)


def _faults_of_terms(pointer: str, terms: Mapping[object, object]) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for term, weight in terms.items():
        here = f"{pointer}/{_escaped(term)}"
        if fault := _fault_of_text(term):
            yield Fault(here, fault)
        elif (other := seen.setdefault(normalise(str(term)), str(term))) != term:
            yield Fault(here, f"is the same term as {other}")
        if not _is_weight(weight):
            yield Fault(here, f"needs a weight from -{MAX_WEIGHT:g} to {MAX_WEIGHT:g} that is not 0")


def _faults_of_phrases(phrases: list[object], terms: set[str]) -> Iterator[Fault]:
    for at, phrase in enumerate(phrases):
        if fault := _fault_of_text(phrase):
            yield Fault(f"/ignored/{at}", fault)
        elif normalise(str(phrase)) in terms:
            yield Fault(f"/ignored/{at}", "is also a term of a topic")


def _fault_of_text(text: object) -> str | None:
    if not isinstance(text, str) or len(text) > MAX_TERM_LENGTH:
        return f"must be a text of at most {MAX_TERM_LENGTH} characters"
    if sum(map(str.isalnum, normalise(text))) < 2:  # noqa: PLR2004  # one letter stands in nearly every text
        return "must have at least two letters or digits"
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


def route(text: str, rules: Rules, model: Model | None = None) -> Routing:
    """Decide which topic, and so which work group, answers a text (subject and details).

    Without a model, the group must hold a clear share of the weight of all terms found. With one, the model
    decides where its calibrated confidence suffices; below, the rules do where the model leans to the same
    group. A text that the model takes for none of ours, or of which it knows no word of substance, is left to
    people.
    """
    weights = dict(rules.matches(text))
    shares = _shares(weights.values())
    if model is None:
        group, share = _best_group(shares)
        return _decision(
            group if share >= CLEAR_SHARE else None,
            Method.RULE,
            share,
            shares,
            _spoken(weights, _best_topic(shares, group)),
        )
    reading = model.read(text)
    return _decided_with(reading, model.threshold, shares, weights)


def _decided_with(
    reading: Reading,
    threshold: float,
    shares: Mapping[Topic, float],
    weights: Mapping[str, Mapping[Topic, float]],
) -> Routing:
    learned = {topic: reading.probabilities.get(topic.value, 0.0) for topic in Topic}
    group, probability = _best_group(learned)
    ours = reading.knows_words and reading.probabilities.get(OTHER, 0.0) < probability
    if ours and probability >= threshold:
        topic = _best_topic(learned, group)
        return _decision(group, Method.MODEL, probability, learned, reading.reasons(topic))
    by_rules, share = _best_group(shares)
    if ours and by_rules is group and share >= CLEAR_SHARE:
        return _decision(group, Method.RULE, share, shares, _spoken(weights, _best_topic(shares, group)))
    both = {topic: (learned[topic] + shares[topic]) / 2 for topic in Topic}
    likely, _ = _best_group(both)
    return _decision(None, Method.MODEL, probability, both, reading.reasons(_best_topic(both, likely)))


def _decision(
    group: WorkGroup | None,
    method: Method,
    confidence: float,
    shares: Mapping[Topic, float],
    terms: Iterable[TermWeight],
) -> Routing:
    likely = sorted((Proposal(topic, round(share, 4)) for topic, share in shares.items() if share > 0), key=_by_share)
    return Routing(
        topic=None if group is None else _best_topic(shares, group),
        work_group=group,
        method=method,
        confidence=round(confidence, 4),
        abstained=group is None,
        terms=tuple(terms),
        proposals=tuple(likely[:PROPOSALS]),
    )


def _by_share(proposal: Proposal) -> float:
    return -proposal.share


def shares_of(text: str, rules: Rules) -> dict[str, float]:
    """What the rules alone make of a text, as a model would tell it: a share for each topic, together 1 with `OTHER`.

    What speaks for `OTHER` is `DOUBT`: all of it where no term was found.
    """
    shares = _shares(weights for _, weights in rules.matches(text))
    return {**{topic.value: share for topic, share in shares.items()}, OTHER: 1.0 - sum(shares.values())}


def _shares(found: Iterable[Mapping[Topic, float]]) -> dict[Topic, float]:
    scores = dict.fromkeys(Topic, 0.0)
    for weights in found:
        for topic, weight in weights.items():
            scores[topic] += weight
    spoken = {topic: max(0.0, score) for topic, score in scores.items()}
    total = sum(spoken.values()) + DOUBT
    return {topic: score / total for topic, score in spoken.items()}


def _best_group(shares: Mapping[Topic, float]) -> tuple[WorkGroup, float]:
    by_group = {group: sum(shares[topic] for topic in topics_of(group)) for group in WorkGroup}
    best = max(by_group, key=by_group.__getitem__)
    return best, by_group[best]


def _best_topic(shares: Mapping[Topic, float], group: WorkGroup) -> Topic:
    return max(topics_of(group), key=shares.__getitem__)


def _spoken(weights: Mapping[str, Mapping[Topic, float]], topic: Topic) -> Iterator[TermWeight]:
    """The terms found: for a topic with their weight, for another group's topics with its negative."""
    for term, by_topic in weights.items():
        if topic in by_topic:
            yield TermWeight(term, by_topic[topic])
        elif rivals := [
            weight for other, weight in by_topic.items() if work_group_of(other) is not work_group_of(topic)
        ]:
            yield TermWeight(term, -max(rivals))
