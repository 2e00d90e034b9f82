"""A body as an iterator of pieces, made while it is sent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def following(first: Iterable[T], rest: Iterator[T]) -> Iterator[T]:
    """Give what has been taken from an iterator already, then what is left of it; closed, it closes that."""
    try:
        yield from first
        yield from rest
    finally:
        finish(rest)


def finish(pieces: Iterator[object]) -> None:
    """Let an iterator that nobody goes on with tidy up; one that has nothing to tidy up is left alone."""
    end = getattr(pieces, "close", None)
    if end is not None:
        end()
