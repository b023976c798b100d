"""What the terms alone teach: a second opinion on the rules until a model has been trained, and wherever none is asked.

The rules see whole terms; this sees their runs of characters, so it has a say on texts that hold only half of a term,
and on terms that also sound like another topic's. It is never asked to decide, only to agree. It knows no words: they
told it nothing that runs did not, and every case that comes in would have to be cut into them.

Complement naive Bayes (Rennie et al., 2003), because it needs no more than sums: the service makes it from the rules in
a few hundredths of a second, without loading what trains models.
"""

from typing import Final

import numpy as np

from chumchon.routing.model import COMMON_SHARE, NEVER_ALONE, TrainedModel, runs_of, tf_idf
from chumchon.routing.rules import Rules
from chumchon.routing.texts import CaseText

# Added to every count, so that what only one topic has does not decide everything.
_SMOOTHING: Final = 0.3


def day_one_model(rules: Rules) -> TrainedModel:
    """A model of the terms that speak for each topic and for `OTHER`; its threshold lets it decide nothing alone."""
    written = [
        (row, weight, *np.unique(runs_of(CaseText(term)).numbers, return_counts=True))
        for row, terms in enumerate(rules.labels.values())
        for term, weight in terms.items()
        if weight > 0
    ]
    numbers, seen_in = np.unique(np.concatenate([wanted for _, _, wanted, _ in written]), return_counts=True)
    texts = len(written)
    idf = (np.log((1 + texts) / (1 + seen_in)) + 1).astype(np.float32)
    said = np.full((len(rules.labels), len(numbers)), _SMOOTHING)
    for row, weight, wanted, counts in written:
        at = np.searchsorted(numbers, wanted)
        said[row, at] += weight * tf_idf(counts.astype(np.float32), idf[at])
    others = said.sum(axis=0) - said
    weights = -np.log(others / others.sum(axis=1, keepdims=True))
    return TrainedModel(
        labels=tuple(rules.labels),
        numbers=numbers,
        idf=idf,
        # Only what sets the topics apart; the rest would be the same for all.
        weights=(weights - weights.mean(axis=0)).astype(np.float32),
        intercepts=np.zeros(len(rules.labels), np.float32),
        common_idf=float(np.log((1 + texts) / (1 + COMMON_SHARE * texts)) + 1),
        temperature=1.0,
        threshold=NEVER_ALONE,
        knows_runs_alone=True,
    )
