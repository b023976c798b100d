"""The stand-in for an officer's eye: does a suggested article answer the complaint, or must it be referred?"""

from collections.abc import Iterable

ALIKE = 0.5
"""From this likeness on, the article's answer is taken; below it, a person of the Office shall look."""


def likeness(subject: str, question: str, matched_words: Iterable[str]) -> float:
    """How much of the complaint's subject and of the article's question are the words that both share, 0 to 1.

    It is the smaller share of the two: an article that asks more, or about less, than the complaint is no answer to it.
    """
    words = [word for word in matched_words if len(word) > 1]
    return min(_covered(subject, words), _covered(question, words))


def _covered(text: str, words: Iterable[str]) -> float:
    text = text.lower()
    covered = [False] * len(text)
    for word in words:
        start = text.find(word)
        while start >= 0:
            covered[start : start + len(word)] = [True] * len(word)
            start = text.find(word, start + 1)
    countable = [here for here, character in zip(covered, text, strict=True) if not character.isspace()]
    return sum(countable) / len(countable) if countable else 0.0
