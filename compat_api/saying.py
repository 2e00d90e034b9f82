"""Errors in the words of one endpoint: dockerd says at some of them what it was about to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from compat_api.errors import status_and_words
from compat_api.problems import BadRequest, Problem

if TYPE_CHECKING:
    from compat_api.query import Query
    from engine.errors import EngineError


@contextmanager
def saying(what: str, *errors: type[EngineError], status: int | None = None) -> Iterator[None]:
    """Put "what: " before the words of these errors; status replaces theirs."""
    try:
        yield
    except errors as error:
        found, words, _ = status_and_words(error)
        raise Problem(f"{what}: {words}", status=status or found) from error


@contextmanager
def answering(status: int, *errors: type[EngineError]) -> Iterator[None]:
    """Answer these errors with another status than elsewhere."""
    try:
        yield
    except errors as error:
        raise Problem(status_and_words(error)[1], status=status) from error


def atoi(query: Query, name: str) -> int | None:
    """Return a whole number, None when it is missing; dockerd calls a bad one its own failure."""
    if not query.get(name):
        return None
    try:
        return query.integer(name, function="Atoi")
    except BadRequest as problem:
        raise Problem(problem.message) from None


def uint32(query: Query, name: str, what: str) -> int:
    """Return a number of rows or columns; raises BadRequest in the words of resize."""
    text = query.get(name)
    digits = text.removeprefix("-")  # and no plus sign
    problem = ""
    if not (digits.isascii() and digits.isdigit()):
        problem = "invalid syntax"
    elif len(digits.lstrip("0")) > 10 or not 0 <= int(text) < 1 << 32:
        problem = "value out of range"
    if problem:
        from engine.go_text import go_quote

        raise BadRequest(f"invalid resize {what} {go_quote(text)}: {problem}")
    return int(text)
