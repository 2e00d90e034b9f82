"""What somebody who mistyped a word may have meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable

_FAR = 3  # so many changed letters are no slip any more


def did_you_mean(text: str, word: str, known: Iterable[str], *, case_counts: bool = False) -> str:
    """Return an error text with the known word that is nearest to a wrong one, if one is near."""
    wanted = word if case_counts else word.lower()
    best, nearest = "", _FAR
    for option in sorted(known):
        candidate = option if case_counts else option.lower()
        if candidate == wanted:
            return text
        far = _distance(wanted, candidate)
        if far < nearest:
            best, nearest = candidate, far
    if not best:
        return text
    if not case_counts and word == word.upper() and word != word.lower():
        best = best.upper()
    return f"{text} (did you mean {best}?)"


def _distance(one: str, other: str) -> int:
    """Return the Levenshtein distance, or something not under _FAR for words that are further apart."""
    if abs(len(one) - len(other)) >= _FAR:
        return _FAR
    row = list(range(len(other) + 1))
    for at, character in enumerate(one, 1):
        above, row[0] = row[0], at
        for column, against in enumerate(other, 1):
            above, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, above + (character != against))
    return row[-1]
