"""Telling whether a whole path fits a pattern with any number of stars, in a time that no pattern can make long. Pure.

A pattern is a list of regular expressions: each stands for one character, or is one of STAR, ANY and FOLDERS. A
backtracking engine tries every way to divide a path among the stars. With few stars that is nothing; where no star
crosses a slash, the first place for what follows a star is as good as any other; and for all else the states that a
path can lead to are followed together, as the bits of a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable

STAR = "[^/]*"
ANY = ".*"
FOLDERS = "(?:.*/)?"
WILD = frozenset((STAR, ANY, FOLDERS))
MAXIMUM = 1000  # wildcards in a pattern
_FEW = 2
_SAME = {(STAR, STAR): STAR, (ANY, ANY): ANY, (FOLDERS, FOLDERS): FOLDERS, (FOLDERS, ANY): ANY, (ANY, FOLDERS): ANY,
         (STAR, ANY): ANY, (ANY, STAR): ANY}  # fmt: skip


def matcher(parts: list[str]) -> Callable[[str], bool]:
    """Return what tells whether a whole text fits. Raises ValueError for more than MAXIMUM wildcards."""
    parts = _simplified(parts)
    wild = [part for part in parts if part in WILD]
    if len(wild) > MAXIMUM:
        raise ValueError("too many wildcards")
    if len(wild) > _FEW and (ANY in wild or FOLDERS in wild):
        return _States(parts).match
    regex = re.compile("".join(parts) if len(wild) <= _FEW else _committed(parts), re.DOTALL)
    return lambda text: regex.fullmatch(text) is not None


def _simplified(parts: list[str]) -> list[str]:
    """Return a pattern in which wildcards beside each other that one of them can stand for are that one."""
    found: list[str] = []
    for part in parts:
        one = _SAME.get((found[-1], part)) if found else None
        if one is None:
            found.append(part)
        else:
            found[-1] = one
    return found


def _committed(parts: list[str]) -> str:
    """Return an expression that takes the first place for what stands between two stars, and does not come back."""
    pieces = [""]
    for part in parts:
        if part == STAR:
            pieces.append("")
        else:
            pieces[-1] += part
    first, *middle, last = pieces
    return first + "".join(f"(?>{STAR}?{piece})" for piece in middle) + STAR + last


class _States:
    """All states at once: bit n is set where the pattern's first n parts can have been used up."""

    def __init__(self, parts: list[str]) -> None:
        self._parts: list[str] = []
        for part in parts:  # FOLDERS is two states: before it, and within a folder's name
            self._parts += [FOLDERS, ANY] if part == FOLDERS else [part]
        self._compiled = [None if part in WILD else re.compile(part, re.DOTALL) for part in self._parts]
        inside = self._inside = sum(1 << at + 1 for at, part in enumerate(self._parts) if part == FOLDERS)
        self._over = inside >> 1  # from before all folders, past them
        self._free = inside >> 1 | sum(
            1 << at for at, part in enumerate(self._parts) if part in (STAR, ANY) and not inside >> at & 1
        )
        self._known: dict[str, tuple[int, int]] = {}

    def match(self, text: str) -> bool:
        """Whether a whole text fits."""
        states = self._closed(1)
        for character in text:
            onward, stay = self._known.get(character) or self._moves(character)
            states = self._closed((states & onward) << 1 | states & stay)
            if not states:
                return False
        return bool(states >> len(self._parts) & 1)

    def _closed(self, states: int) -> int:
        """Return states together with those that they lead to without a character."""
        while True:
            more = states | (states & self._free) << 1 | (states & self._over) << 2
            if more == states:
                return states
            states = more

    def _moves(self, character: str) -> tuple[int, int]:
        """Return the states that a character leads on from, and those in which it leaves a path."""
        onward = self._inside if character == "/" else 0
        stay = 0
        for at, (part, compiled) in enumerate(zip(self._parts, self._compiled, strict=True)):
            if compiled is not None:
                onward |= (compiled.fullmatch(character) is not None) << at
            elif part == ANY or (part == STAR and character != "/"):
                stay |= 1 << at
        self._known[character] = onward, stay
        return onward, stay
