"""What routing knows on its first day: a model of the terms and of texts written for it, until one has been trained.

The rules see whole terms; this sees runs of characters, so it has a say on texts that hold only half of a term or none,
and on terms that also sound like another topic's. It knows no words: they told it nothing that runs did not, and every
case that comes in would have to be cut into them.

Complement naive Bayes (Rennie et al., 2003), because it needs no more than sums: the service makes it from the rules in
a tenth of a second, without loading what trains models.
"""

from typing import Final

import numpy as np

from chumchon.routing.examples import first_examples
from chumchon.routing.model import COMMON_SHARE, TrainedModel, runs_of, tf_idf
from chumchon.routing.rules import Rules
from chumchon.routing.texts import CaseText

# Added to every count, so that what only one topic has does not decide everything.
_SMOOTHING: Final = 0.05
# Longer than what a trained model reads: of a term that people add, its own words should speak loudest.
RUNS: Final = (3, 4, 5)
# A whole text says more than a term of weight 1.
_EXAMPLE_SAY: Final = 3.0
# By which it is as sure as it is right, and from where on nine in ten of its decisions are: on the first examples, each
# read by a model that had not seen it. They were written to be hard; of other texts 97 in 100 were right.
_TEMPERATURE: Final = 0.43
_THRESHOLD: Final = 0.9


def day_one_model(rules: Rules) -> TrainedModel:
    """A model of the terms that speak for each topic and for `OTHER`, and of the first examples."""
    labels = tuple(rules.labels)
    said_by = [
        (label, weight, term) for label, terms in rules.labels.items() for term, weight in terms.items() if weight > 0
    ] + [(example.label, _EXAMPLE_SAY, example.text) for example in first_examples()]
    written = [
        (labels.index(label), say, *np.unique(runs_of(CaseText(text), RUNS).numbers, return_counts=True))
        for label, say, text in said_by
    ]
    numbers, seen_in = np.unique(np.concatenate([wanted for _, _, wanted, _ in written]), return_counts=True)
    texts = len(written)
    idf = (np.log((1 + texts) / (1 + seen_in)) + 1).astype(np.float32)
    said = np.full((len(labels), len(numbers)), _SMOOTHING)
    for row, say, wanted, counts in written:
        at = np.searchsorted(numbers, wanted)
        said[row, at] += say * tf_idf(counts.astype(np.float32), idf[at])
    others = said.sum(axis=0) - said
    weights = -np.log(others / others.sum(axis=1, keepdims=True))
    return TrainedModel(
        labels=labels,
        numbers=numbers,
        idf=idf,
        # Only what sets the topics apart; the rest would be the same for all.
        weights=(weights - weights.mean(axis=0)).astype(np.float32),
        intercepts=np.zeros(len(labels), np.float32),
        common_idf=float(np.log((1 + texts) / (1 + COMMON_SHARE * texts)) + 1),
        temperature=_TEMPERATURE,
        threshold=_THRESHOLD,
        runs_alone=RUNS,
    )
