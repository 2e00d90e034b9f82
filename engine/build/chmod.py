"""The modes that COPY and ADD --chmod give: octal numbers, or chmod's own words such as u=rwX,go+r. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.build.errors import BuildInvalid

_OCTAL = re.compile(r"[0-7]{1,5}")
_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXstugo]*)+)")
_ACTION = re.compile(r"([-+=])([rwxXstugo]*)")
_SHIFT = {"u": 6, "g": 3, "o": 0}
_SPECIAL = {"u": 0o4000, "g": 0o2000, "o": 0o1000}


def change_of(text: str) -> Callable[[int, bool], int]:
    """Return what makes a new mode of an old one, given whether it is a folder's. Raises BuildInvalid."""
    if _OCTAL.fullmatch(text):
        mode = int(text, 8)
        if mode > 0o7777:
            raise BuildInvalid(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
        return lambda _, __: mode
    clauses = []
    for clause in text.split(","):
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            raise BuildInvalid(f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777")
        clauses.append((found[1], _ACTION.findall(found[2])))

    def change(mode: int, is_folder: bool) -> int:
        for who, actions in clauses:
            classes = "ugo" if not who or "a" in who else who
            for operator, what in actions:
                mode = _applied(mode, classes, operator, what, is_folder)
        return mode

    return change


def _applied(mode: int, classes: str, operator: str, what: str, is_folder: bool) -> int:
    for each in classes:
        bits = 0
        for letter in what:
            if letter in _SHIFT:
                bits |= mode >> _SHIFT[letter] & 7
            elif letter == "X":
                bits |= 1 if is_folder or mode & 0o111 else 0
            else:
                bits |= {"r": 4, "w": 2, "x": 1}.get(letter, 0)
        value = bits << _SHIFT[each]
        if ("s" in what and each in "ug") or ("t" in what and each == "o"):
            value |= _SPECIAL[each]
        if operator == "=":
            mode = mode & ~(7 << _SHIFT[each]) & ~(_SPECIAL[each] if not is_folder else 0) | value
        elif operator == "+":
            mode |= value
        else:
            mode &= ~value
    return mode
