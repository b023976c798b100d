"""Train the routing model on what people decided, beginning from the terms that they wrote.

Deterministic: the same examples and terms give the same model. scikit-learn is loaded by whoever imports this module,
which is the training command and not the service.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]  # scipy ships no annotations
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]  # the same
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.svm import LinearSVC

from chumchon.routing.examples import Example
from chumchon.routing.model import COMMON_SHARE, NEVER_ALONE, Floats, TrainedModel, features_of, softmax, tf_idf
from chumchon.routing.texts import CaseText

Labels = npt.NDArray[np.str_]
Doubles = npt.NDArray[np.float64]

PRECISION: Final = 0.95
FOLDS: Final = 5
PENALTY: Final = 0.5
# What fewer texts than this have is left out, from so many texts on: it is most of the model's size.
SEEN_IN: Final = 2
MANY: Final = 1_000
# How fast fades as examples come what terms and first examples say: a quarter of it is left at this number.
FADE_AT: Final = 3_000
# A term is a short text that someone chose with care; it counts as so many examples for each unit of its weight.
TERM_SAY: Final = 0.5
# With fewer examples than this, a model also teaches itself by texts that nobody has put under a label: each round it
# takes what it makes of them for so much of an example as it is sure of it.
TEACHES_ITSELF_BELOW: Final = 5_000
SELF_TAUGHT_ROUNDS: Final = 2
SELF_TAUGHT_SAY: Final = 0.1
# From so many examples on it is logistic regression that learns, from pairs of words in any order and so far apart: it
# is as often right as the support vector machine, and truer in how sure it is. From fewer it learns worse, and such
# pairs mislead.
REGRESSION_FROM: Final = TEACHES_ITSELF_BELOW
REGRESSION_PENALTY: Final = 5.0
REGRESSION_TOLERANCE: Final = 0.1
REACH: Final = 8
SEEN_IN_OF_MOST: Final = 3
# Of a model without examples nothing can be calibrated; this one is mildly sure of itself.
COLD_TEMPERATURE: Final = 0.35
# With fewer examples nothing is held back, and with fewer decisions no precision is believed.
FEW: Final = 30
_BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """How a model did on examples that it had not seen: shares from 0 to 1.

    `coverage` is the share of texts that it may decide alone, so that `PRECISION` of those are right.
    """

    examples: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    coverage: float
    threshold: float


@dataclass(frozen=True)
class _Material:
    """All texts as one matrix: terms and first examples, then the examples, then what nobody has put under a label."""

    numbers: npt.NDArray[np.uint32]
    idf: Floats
    texts: csr_matrix
    labels: Labels
    say: Doubles
    given: int
    reach: int

    @property
    def examples(self) -> npt.NDArray[np.intp]:
        """The rows of the examples."""
        return np.arange(self.given, len(self.labels))

    @property
    def unlabelled(self) -> npt.NDArray[np.intp]:
        """The rows without a label."""
        return np.arange(len(self.labels), self.texts.shape[0])


@dataclass(frozen=True)
class _Fitted:
    classes: Labels
    weights: Floats
    intercepts: Floats

    def scores(self, texts: csr_matrix) -> Doubles:
        return np.asarray(texts @ self.weights.T + self.intercepts, dtype=np.float64)


def train(
    examples: Sequence[Example],
    terms: Mapping[str, Mapping[str, float]],
    *,
    first: Sequence[Example] = (),
    unlabelled: Sequence[str] = (),
    group_of: Callable[[str], str] = str,
) -> tuple[TrainedModel, Figures]:
    """A model that has learned from examples and terms, and its figures on examples held back in turn.

    Equal texts count once. What terms and `first` examples say fades as examples come; no figure counts them. From
    `unlabelled` texts it learns how rare words are and, while examples are few, what else is said beside the words that
    it knows. `group_of` maps a label to what must be right for a decision to be right.
    Raises ValueError unless there are terms or examples of at least two labels.
    """
    labelled = {example.text: example for example in examples}
    others = [] if len(labelled) >= TEACHES_ITSELF_BELOW else [text for text in unlabelled if text not in labelled]
    first = [example for example in first if example.text not in labelled]
    material = _material(list(labelled.values()), terms, first, list(dict.fromkeys(others)))
    fitted = _fit(material, np.arange(len(material.labels)))
    classes = tuple(map(str, fitted.classes))
    if len(material.examples) < FEW:
        temperature, figures = COLD_TEMPERATURE, Figures(0, 0.0, 0.0, 0.0, 0.0, NEVER_ALONE)
    else:
        scores, truth = _held_back(material, fitted.classes)
        temperature = _temperature(scores, truth, classes)
        figures = judge(classes, softmax(scores / temperature), truth, group_of)
    texts = material.texts.shape[0]
    model = TrainedModel(
        labels=classes,
        numbers=material.numbers,
        idf=material.idf,
        weights=fitted.weights,
        intercepts=fitted.intercepts,
        common_idf=float(_idf(np.array(COMMON_SHARE * texts), texts)),
        temperature=temperature,
        threshold=figures.threshold,
        reach=material.reach,
    )
    return model, figures


def judge(
    labels: Sequence[str], probabilities: Doubles, truth: Labels, group_of: Callable[[str], str] = str
) -> Figures:
    """The figures of probabilities (a row a text, a column a label) against what is true."""
    guess = np.array(labels)[probabilities.argmax(axis=1)]
    threshold, coverage = _coverage(labels, probabilities, truth, group_of)
    return Figures(
        examples=len(truth),
        accuracy=float((guess == truth).mean()),
        macro_f1=_macro_f1(guess, truth),
        calibration_error=_calibration_error(probabilities.max(axis=1), guess == truth),
        coverage=coverage,
        threshold=threshold,
    )


def _material(
    examples: Sequence[Example],
    terms: Mapping[str, Mapping[str, float]],
    first: Sequence[Example],
    unlabelled: Sequence[str],
) -> _Material:
    given = [
        *((term, label, weight * TERM_SAY) for label, by in terms.items() for term, weight in by.items() if weight > 0),
        *((example.text, example.label, 1.0) for example in first),
    ]
    texts = [*(text for text, _, _ in given), *(example.text for example in examples), *unlabelled]
    labels = np.array([label for _, label, _ in given] + [example.label for example in examples])
    if len(np.unique(labels)) < 2:  # noqa: PLR2004  # nothing could be told apart
        raise ValueError("a model needs terms or examples of at least two labels")
    fading = (FADE_AT / (FADE_AT + len(examples))) ** 2
    say = np.array([said * fading for _, _, said in given] + [1.0] * len(examples))
    reach = REACH if len(examples) >= REGRESSION_FROM else 0
    counted = [_counted(text, reach) for text in texts]
    numbers, seen_in = np.unique(
        np.concatenate([numbers for kinds in counted for numbers, _ in kinds]), return_counts=True
    )
    if len(texts) >= MANY:
        kept = seen_in >= (SEEN_IN_OF_MOST if reach else SEEN_IN)
        numbers, seen_in = numbers[kept], seen_in[kept]
    idf = _idf(seen_in, len(texts)).astype(np.float32)
    return _Material(numbers, idf, _matrix(counted, numbers, idf), labels, say, len(given), reach)


def _counted(text: str, reach: int) -> list[tuple[npt.NDArray[np.uint32], npt.NDArray[np.intp]]]:
    return [np.unique(features.numbers, return_counts=True) for features in features_of(CaseText(text), reach)]


def _idf(seen_in: npt.NDArray[np.generic], texts: int) -> Doubles:
    return np.asarray(np.log((1 + texts) / (1 + seen_in)) + 1)  # type: ignore[operator]  # counts, whole or not


def _matrix(
    counted: Sequence[Sequence[tuple[npt.NDArray[np.uint32], npt.NDArray[np.intp]]]],
    numbers: npt.NDArray[np.uint32],
    idf: Floats,
) -> csr_matrix:
    columns, values, ends = [], [], [0]
    for kinds in counted:
        for wanted, counts in kinds:
            at = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
            known = numbers[at] == wanted
            columns.append(at[known])
            values.append(tf_idf(counts[known].astype(np.float32), idf[at[known]]))
        ends.append(ends[-1] + sum(map(len, columns[-len(kinds) :])))
    # As wide as scikit-learn's solver wants it, so that it need not copy.
    return csr_matrix(
        (np.concatenate(values).astype(np.float64), np.concatenate(columns), ends), shape=(len(counted), len(numbers))
    )


def _fit(material: _Material, rows: npt.NDArray[np.intp]) -> _Fitted:
    """Learn from rows that have a label, and then from what that makes of those that have none."""
    labels, say = material.labels[rows], material.say[rows]
    learn = _regression if len(material.examples) >= REGRESSION_FROM else _machine
    fitted = _learned(learn, material.texts[rows], labels, say)
    if not len(others := material.unlabelled):
        return fitted
    texts = material.texts[np.concatenate([rows, others])]
    for _ in range(SELF_TAUGHT_ROUNDS):
        sure = softmax(fitted.scores(material.texts[others]) / COLD_TEMPERATURE)
        fitted = _learned(
            learn,
            texts,
            np.concatenate([labels, fitted.classes[sure.argmax(axis=1)]]),
            np.concatenate([say, SELF_TAUGHT_SAY * sure.max(axis=1)]),
        )
    return fitted


_Learner = Callable[[csr_matrix, npt.NDArray[np.intp], Doubles], tuple[Doubles, Doubles]]
"""From texts, the place of each one's label, and its say: weights, a row a label, and intercepts."""


def _learned(learn: _Learner, texts: csr_matrix, labels: Labels, say: Doubles) -> _Fitted:
    classes, members = np.unique(labels, return_inverse=True)
    # Halfway between each label having the same say in all and each example: rare labels are heard, and confidence
    # stays true to how often they come.
    balanced = say * np.sqrt(say.sum() / (len(classes) * np.bincount(members, weights=say)))[members]
    weights, intercepts = learn(texts, members, balanced)
    if len(weights) == 1:  # scikit-learn keeps one row for two labels
        weights, intercepts = np.vstack([-weights, weights]), np.hstack([-intercepts, intercepts])
    # As they are stored, so that a model judges alike before and after.
    return _Fitted(classes, weights.astype(np.float16).astype(np.float32), intercepts.astype(np.float32))


def _machine(texts: csr_matrix, members: npt.NDArray[np.intp], say: Doubles) -> tuple[Doubles, Doubles]:
    machine = LinearSVC(C=PENALTY, random_state=0).fit(texts, members, sample_weight=say)
    return machine.coef_, machine.intercept_


def _regression(texts: csr_matrix, members: npt.NDArray[np.intp], say: Doubles) -> tuple[Doubles, Doubles]:
    labels = [
        LogisticRegression(
            C=REGRESSION_PENALTY, solver="liblinear", dual=True, tol=REGRESSION_TOLERANCE, random_state=0
        ).fit(texts, members == place, sample_weight=say)
        for place in range(members.max() + 1)
    ]
    return np.vstack([label.coef_ for label in labels]), np.hstack([label.intercept_ for label in labels])


def _held_back(material: _Material, classes: Labels) -> tuple[Doubles, Labels]:
    """For each example the scores of a model that had not seen it, with what is given and the other examples."""
    examples = material.examples
    scores = np.zeros((len(examples), len(classes)))
    for seen, unseen in KFold(FOLDS, shuffle=True, random_state=0).split(examples):
        fitted = _fit(material, np.concatenate([np.arange(material.given), examples[seen]]))
        told = fitted.scores(material.texts[examples[unseen]])
        # A label that only unseen examples have cannot be guessed.
        scores[unseen] = told.min(axis=1, keepdims=True)
        scores[np.ix_(unseen, np.searchsorted(classes, fitted.classes))] = told
    return scores, material.labels[examples]


def _temperature(scores: Doubles, truth: Labels, classes: Sequence[str]) -> float:
    """By what the scores must be divided for their softmax to be as sure as it is right."""
    right = np.array([classes.index(label) for label in truth])
    # However well a few examples are told apart, the next may not be (Platt's correction).
    wrong = 1 / (len(right) + 2)

    def surprise(log_temperature: float) -> float:
        told = np.log(np.maximum(softmax(scores / np.exp(log_temperature)), 1e-12))
        of_right = told[np.arange(len(right)), right]
        of_others = (told.sum(axis=1) - of_right) / (len(classes) - 1)
        return float(-((1 - wrong) * of_right + wrong * of_others).mean())

    return float(np.exp(minimize_scalar(surprise, bounds=(-4.0, 2.0), method="bounded").x))


def _macro_f1(guess: Labels, truth: Labels) -> float:
    def f1(label: str) -> float:
        hits = int(((guess == label) & (truth == label)).sum())
        return 2 * hits / int((guess == label).sum() + (truth == label).sum())

    return float(np.mean([f1(label) for label in np.unique(truth)]))


def _calibration_error(confidence: Doubles, right: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins of equal width."""
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    return float(sum(abs(right[bins == at].sum() - confidence[bins == at].sum()) for at in range(_BINS)) / len(right))


def _coverage(
    labels: Sequence[str], probabilities: Doubles, truth: Labels, group_of: Callable[[str], str]
) -> tuple[float, float]:
    """The lowest confidence from which decisions are precise enough, and the share of texts that have it."""
    groups = sorted({group_of(label) for label in labels})
    of_group = np.array([[group_of(label) == group for group in groups] for label in labels], dtype=float)
    by_group = probabilities @ of_group
    confidence = by_group.max(axis=1)
    right = np.array(groups)[by_group.argmax(axis=1)] == np.array([group_of(label) for label in truth])
    order = np.argsort(-confidence, kind="stable")
    precise = np.flatnonzero(right[order].cumsum() >= PRECISION * np.arange(1, len(order) + 1)) + 1
    if not len(precise) or precise[-1] < FEW:
        return NEVER_ALONE, 0.0
    threshold = float(confidence[order[precise[-1] - 1]])
    if precise[-1] == len(order):
        # Nothing spoke against deciding all; so a text need not be surer than the least sure of these.
        threshold = min(threshold, PRECISION)
    return threshold, float(precise[-1] / len(order))
