"""The learned side of routing: a linear model over words and character n-grams, with calibrated confidence.

Here it reads; `chumchon.routing.training` makes it. Reading needs numpy alone, a few megabytes, and no pickle: a model
kept in the database is a handful of arrays.
"""

import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from chumchon.routing.rules import TermWeight
from chumchon.routing.texts import CaseText

Floats = npt.NDArray[np.float32]

# The model reads less than the rules do, and the subject comes first.
READ_CHARACTERS: Final = 1_000
RUNS: Final = (2, 3, 4)
REASONS: Final = 8
# A word in more than this share of the training texts says nothing about any of them.
COMMON_SHARE: Final = 0.2
NEVER_ALONE: Final = 2.0
"""The threshold of a model that may never decide by itself, but only second the rules."""
# Knuth's multiplier: neighbouring letters come to lie far apart.
_SPREAD: Final = np.uint32(2_654_435_761)


@dataclass(frozen=True, slots=True)
class Features:
    """One kind of what a text consists of: the number of each feature in order, and the stretches that it covers.

    `starts` and `ends` have a row for each feature, and a column for each stretch.
    """

    numbers: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]


def features_of(text: CaseText, reach: int = 0) -> tuple[Features, ...]:
    """Words; pairs of words; runs of 2 to 4 characters without tone marks.

    The pairs are those next to each other or with one between; with a `reach` those up to so many words apart, in
    whatever order. The words come first. Each feature is a number of 32 bits: among some hundred thousand a few share
    one, which a linear model does not notice.
    """
    spans = words_of(text)
    words = [text.normal[start:end].encode() for start, end in spans]
    alone = _features(map(crc32, words), spans)
    if reach:
        return alone, _pairs_in_any_order(alone, reach), runs_of(text)
    pairs = [(at, at + distance) for distance in (1, 2) for at in range(len(spans) - distance)]
    return (
        alone,
        _features(
            (crc32(b"%d%b %b" % (last - first, words[first], words[last])) for first, last in pairs),
            [(spans[first][0], spans[last][1]) for first, last in pairs],
        ),
        runs_of(text),
    )


def words_of(text: CaseText) -> Sequence[tuple[int, int]]:
    """Where the words are that the model reads."""
    return [span for span in text.words if span[1] <= READ_CHARACTERS]


def _features(numbers: Iterable[int], spans: Sequence[tuple[int, int]]) -> Features:
    places = np.array(spans, np.intp).reshape(-1, 2)
    return Features(np.fromiter(numbers, np.uint32, len(spans)), places[:, :1], places[:, 1:])


def _pairs_in_any_order(words: Features, reach: int) -> Features:
    count = len(words.numbers)
    apart = [np.arange(max(count - distance, 0)) for distance in range(1, reach + 1)]
    first = np.concatenate(apart)
    last = np.concatenate([places + distance for distance, places in enumerate(apart, 1)])
    one, other = words.numbers[first], words.numbers[last]
    return Features(
        np.minimum(one, other) * _SPREAD + np.maximum(one, other),
        np.hstack([words.starts[first], words.starts[last]]),
        np.hstack([words.ends[first], words.ends[last]]),
    )


def runs_of(text: CaseText, lengths: Sequence[int] = RUNS) -> Features:
    """Runs of so many characters without tone marks, shortest first: no word has to be cut for them.

    A run's number grows letter by letter, for all places of the text at once; a space leads in and out.
    """
    origins = np.array(text.origins[: READ_CHARACTERS + 1], np.intp)
    letters = np.frombuffer(f" {text.bare[:READ_CHARACTERS]} ".encode("utf-32-le"), np.uint32)
    first, last = np.append(0, origins), np.append(origins, origins[-1])
    kinds, number = [], letters
    for length in range(2, max(lengths) + 1):
        number = number[: len(letters) - length + 1] * _SPREAD + letters[length - 1 :]
        if length in lengths:
            kinds.append((number, first[: len(number)], last[length - 1 :]))
    numbers, starts, ends = (np.concatenate(parts) for parts in zip(*kinds, strict=True))
    return Features(numbers, starts[:, np.newaxis], ends[:, np.newaxis])


@dataclass(frozen=True)
class TrainedModel:
    """A model as it is stored: per feature its number (ascending), idf, and weight for each label.

    `threshold` is the confidence from which it may decide alone; above 1, it never may. One with `runs_alone`
    has learned runs of these lengths and no words: no text is cut into words for it, which costs more than the rest.
    `reach` is that of `features_of`.
    """

    labels: tuple[str, ...]
    numbers: npt.NDArray[np.uint32]
    idf: Floats
    weights: Floats
    intercepts: Floats
    common_idf: float
    temperature: float
    threshold: float
    runs_alone: tuple[int, ...] = ()
    reach: int = 0

    def to_bytes(self) -> bytes:
        """The model as a compressed archive of arrays."""
        archive = io.BytesIO()
        np.savez_compressed(
            archive,
            labels=np.frombuffer("\n".join(self.labels).encode(), np.uint8),
            numbers=self.numbers,
            idf=self.idf,
            weights=self.weights.astype(np.float16),
            intercepts=self.intercepts,
            settings=np.array([self.common_idf, self.temperature, self.threshold]),
            reach=np.array(self.reach),
        )
        return archive.getvalue()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "TrainedModel":
        """The model of `to_bytes`; raises ValueError for anything else."""
        try:
            with np.load(io.BytesIO(stored), allow_pickle=False) as archive:
                common_idf, temperature, threshold = map(float, archive["settings"])
                return cls(
                    labels=tuple(archive["labels"].tobytes().decode().split("\n")),
                    numbers=archive["numbers"],
                    idf=archive["idf"],
                    weights=archive["weights"].astype(np.float32),
                    intercepts=archive["intercepts"],
                    common_idf=common_idf,
                    temperature=temperature,
                    threshold=threshold,
                    # Models stored before there was one have none.
                    reach=int(archive["reach"]) if "reach" in archive else 0,
                )
        except (OSError, KeyError, EOFError) as error:
            raise ValueError("not a stored routing model") from error

    @property
    def taught_by_people(self) -> bool:
        """Whether it has learned what people decided; the model of the first day has not, and knows no words."""
        return not self.runs_alone

    def read(self, text: CaseText) -> "ModelReading":
        """Judge one text."""
        return ModelReading(self, text)

    def places(self, numbers: npt.NDArray[np.uint32]) -> npt.NDArray[np.intp]:
        """For each feature its place among the model's, -1 when it was not learned."""
        at = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return np.where(self.numbers[at] == numbers, at, -1)


def tf_idf(counts: Floats, idf: Floats) -> Floats:
    """The values of one kind of a text's features: damped counts times rarity, scaled to length 1."""
    values = (1 + np.log(counts)) * idf
    length = np.sqrt((values * values).sum())
    return (values / length if length else values).astype(np.float32)


class ModelReading:
    """What a model made of one text."""

    def __init__(self, model: TrainedModel, text: CaseText) -> None:
        self._model = model
        self._text = text
        kinds = (runs_of(text, model.runs_alone),) if model.runs_alone else features_of(text, model.reach)
        self._parts = [self._part(features) for features in kinds]

    def _part(self, features: Features) -> "_Part":
        places = self._model.places(features.numbers)
        learned = places >= 0
        known, which, counts = np.unique(places[learned], return_inverse=True, return_counts=True)
        values = tf_idf(counts.astype(np.float32), self._model.idf[known])
        return _Part(known, counts, values, which, features.starts[learned], features.ends[learned])

    @cached_property
    def probabilities(self) -> Mapping[str, float]:
        """Of each label; together 1."""
        scores = self._model.intercepts.astype(np.float64)
        for part in self._parts:
            scores = scores + self._model.weights[:, part.known] @ part.values
        return dict(zip(self._model.labels, softmax(scores / self._model.temperature).tolist(), strict=True))

    @property
    def knows_words(self) -> bool:
        """Whether a word (or a run, where no words are known) was learned that does not stand in every other text."""
        return bool((self._model.idf[self._parts[0].known] >= self._model.common_idf).any())

    def reasons(self, label: str) -> tuple[TermWeight, ...]:
        """The words that spoke most for and against a label, strongest first.

        What pairs of words and runs of characters said is shared out among the words that they cover.
        """
        row = self._model.labels.index(label)
        steps = np.zeros(len(self._text.normal) + 1)  # what is said of a letter less what is said of the one before
        for part in self._parts:
            told = self._model.weights[row, part.known] * part.values / part.counts
            letters = (part.ends - part.starts).sum(axis=1)
            shares = np.repeat(told[part.which] / np.maximum(letters, 1), part.starts.shape[1])
            steps += np.bincount(part.starts.ravel(), shares, len(steps))
            steps -= np.bincount(part.ends.ravel(), shares, len(steps))
        said = np.concatenate([[0.0], np.cumsum(steps).cumsum()])
        by_word: defaultdict[str, float] = defaultdict(float)
        for start, end in words_of(self._text):
            by_word[self._text.normal[start:end]] += float(said[end] - said[start])
        strongest = sorted(by_word.items(), key=lambda item: (-abs(item[1]), item[0]))[:REASONS]
        return tuple(TermWeight(word, round(weight, 4)) for word, weight in strongest if round(weight, 4))


@dataclass(frozen=True, slots=True)
class _Part:
    """The features of one kind that a text has and the model knows.

    `known` are their places in the model, each once, with `counts` and `values`; `which` names one of those for each
    row of stretches of the text from `starts` to `ends`.
    """

    known: npt.NDArray[np.intp]
    counts: npt.NDArray[np.intp]
    values: Floats
    which: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]


def softmax(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scores along the last axis as probabilities."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))
