"""The learned side of routing: a linear model over words and character n-grams, with calibrated confidence.

Here it reads; `chumchon.routing.training` makes it. Reading needs numpy alone, a few megabytes, and no pickle: a model
kept in the database is a handful of arrays.
"""

import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from chumchon.routing.rules import TermWeight
from thaikit.text import normalise, segment

Floats = npt.NDArray[np.float32]

# The model reads less than the rules do: n-grams cost most of the time, and the subject comes first.
READ_CHARACTERS: Final = 1_000
CHARACTER_RUNS: Final = (2, 3, 4)
REASONS: Final = 8
# A word in more than this share of the training texts says nothing about any of them.
COMMON_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Features:
    """What a text consists of: for each kind the features' numbers, and the stretch that each covers."""

    text: str
    spans: Sequence[tuple[int, int]]
    words: Sequence[int]
    word_spans: Sequence[tuple[int, int]]
    runs: Sequence[int]
    run_spans: Sequence[tuple[int, int]]


def features_of(text: str) -> Features:
    """Words, pairs of words, and runs of 2 to 4 characters, each as a number of 32 bits.

    Among some hundred thousand features a few share a number, which a linear model does not notice.
    """
    normal = normalise(text[:READ_CHARACTERS])
    spans = list(_word_spans(normal))
    word_spans = spans + [(first[0], second[1]) for first, second in pairwise(spans)]
    words = [crc32(b"w" + normal[start:end].encode()) for start, end in spans]
    words += [
        crc32(b"p" + normal[slice(*first)].encode() + b" " + normal[slice(*second)].encode())
        for first, second in pairwise(spans)
    ]
    run_spans = [
        (start, start + length) for length in CHARACTER_RUNS for start in range(max(0, len(normal) - length + 1))
    ]
    runs = [crc32(normal[start:end].encode()) for start, end in run_spans]
    return Features(normal, spans, words, word_spans, runs, run_spans)


def _word_spans(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for piece in segment(text):
        if any(map(str.isalnum, piece)):
            yield at, at + len(piece)
        at += len(piece)


@dataclass(frozen=True)
class TrainedModel:
    """A model as it is stored: per feature its number (ascending), idf, and weight for each label.

    `threshold` is the confidence from which it may decide alone; above 1, it never may.
    """

    labels: tuple[str, ...]
    numbers: npt.NDArray[np.uint32]
    idf: Floats
    weights: Floats
    intercepts: Floats
    common_idf: float
    temperature: float
    threshold: float

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
                )
        except (OSError, KeyError, EOFError) as error:
            raise ValueError("not a stored routing model") from error

    def read(self, text: str) -> "ModelReading":
        """Judge one text."""
        return ModelReading(self, features_of(text))

    def places(self, numbers: Sequence[int]) -> npt.NDArray[np.intp]:
        """For each feature its place among the model's, -1 when it was not learned."""
        wanted = np.fromiter(numbers, np.uint32, len(numbers))
        at = np.minimum(np.searchsorted(self.numbers, wanted), len(self.numbers) - 1)
        return np.where(self.numbers[at] == wanted, at, -1)


def tf_idf(counts: Floats, idf: Floats) -> Floats:
    """The values of one kind of a text's features: damped counts times rarity, scaled to length 1."""
    values = (1 + np.log(counts)) * idf
    length = np.sqrt((values * values).sum())
    return (values / length if length else values).astype(np.float32)


class ModelReading:
    """What a model made of one text."""

    def __init__(self, model: TrainedModel, features: Features) -> None:
        self._model = model
        self._features = features
        self._parts = [
            self._part(model.places(numbers), spans)
            for numbers, spans in ((features.words, features.word_spans), (features.runs, features.run_spans))
        ]

    def _part(self, places: npt.NDArray[np.intp], spans: Sequence[tuple[int, int]]) -> "_Part":
        learned = places >= 0
        known, at, counts = np.unique(places[learned], return_inverse=True, return_counts=True)
        values = tf_idf(counts.astype(np.float32), self._model.idf[known])
        return _Part(known, counts, values, at, np.asarray(spans, np.intp).reshape(-1, 2)[learned])

    @cached_property
    def probabilities(self) -> Mapping[str, float]:
        """Of each label; together 1."""
        scores = self._model.intercepts.astype(np.float64)
        for part in self._parts:
            scores = scores + self._model.weights[:, part.known] @ part.values
        return dict(zip(self._model.labels, softmax(scores / self._model.temperature).tolist(), strict=True))

    @property
    def knows_words(self) -> bool:
        """Whether a single word of the text was learned that does not stand in every other text."""
        single = self._model.places(self._features.words[: len(self._features.spans)])
        return bool((self._model.idf[single[single >= 0]] >= self._model.common_idf).any())

    def reasons(self, label: str) -> tuple[TermWeight, ...]:
        """The words that spoke most for and against a label, strongest first.

        What pairs of words and runs of characters said is shared out among the words that they cover.
        """
        row = self._model.labels.index(label)
        steps = np.zeros(len(self._features.text) + 1)  # what is said of a letter less what is said of the one before
        for part in self._parts:
            told = self._model.weights[row, part.known] * part.values / part.counts
            starts, ends = part.spans.T
            shares = told[part.places] / (ends - starts)
            steps += np.bincount(starts, shares, len(steps)) - np.bincount(ends, shares, len(steps))
        said = np.concatenate([[0.0], np.cumsum(steps).cumsum()])
        by_word: defaultdict[str, float] = defaultdict(float)
        for start, end in self._features.spans:
            by_word[self._features.text[start:end]] += float(said[end] - said[start])
        strongest = sorted(by_word.items(), key=lambda item: (-abs(item[1]), item[0]))[:REASONS]
        return tuple(TermWeight(word, round(weight, 4)) for word, weight in strongest if round(weight, 4))


@dataclass(frozen=True, slots=True)
class _Part:
    """The features of one kind that a text has and the model knows: each once, with how often and its value.

    In the order of the text: which of them stands there (`places`), and where (`spans`, a row of start and end each).
    """

    known: npt.NDArray[np.intp]
    counts: npt.NDArray[np.intp]
    values: Floats
    places: npt.NDArray[np.intp]
    spans: npt.NDArray[np.intp]


def softmax(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scores along the last axis as probabilities."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))
