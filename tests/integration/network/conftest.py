"""Fixtures for connecting containers without processes, which takes root."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine
from tests.harness.boxes import PATIENCE, Box, MakeBox, Outside, end_engine, make_engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine of the test's own."""
    made = make_engine(tmp_path)
    yield made
    end_engine(made)


@pytest.fixture
def box(engine: Engine) -> Iterator[MakeBox]:
    """Makes containers, which are let go of at the end."""
    made: list[Box] = []

    def make() -> Box:
        made.append(Box(engine))
        return made[-1]

    yield make
    for each in made:
        each.let_go()


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    """Another machine on a wire of its own."""
    made = Outside(tmp_path / "outside")
    yield made
    made.end()


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """Work inside namespaces ends with its thread, so that none is left in a foreign network."""
    before = _threads()
    yield
    for each in _threads():
        if each not in before:
            each.join(PATIENCE)  # it waits for the kernel
    assert _threads() <= before


def _threads() -> set[threading.Thread]:
    """Return the living threads but those of engine.off_loop, which stay and work in no namespace."""
    return {each for each in threading.enumerate() if not each.name.startswith("verb")}
