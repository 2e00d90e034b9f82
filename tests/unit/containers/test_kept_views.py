"""Views that are kept for a moment: shared by who comes next, closed in time, and never while somebody uses them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import cast

import pytest

from engine.containers import kept_views
from engine.containers.kept_views import Kept, KeptViews
from engine.containers.record import Container
from engine.lean_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """What a view knows of a container."""

    id: str
    run: int


class Opened:
    """A view that was opened; let_go says that it was closed and its root left."""

    def __init__(self, run: int = 1) -> None:
        self.held_closed = False
        self.let_go = threading.Event()
        held = ExitStack()
        held.callback(self._close)
        self.kept = Kept(record(run), 3, held, self.let_go.set)

    def _close(self) -> None:
        assert not self.kept.users
        self.held_closed = True

    def closed(self) -> bool:
        """Wait a while for the view to be closed."""
        return self.let_go.wait(10) and self.held_closed


def record(run: int = 1) -> Container:
    return cast(Container, Record("abc", run))


@pytest.fixture
def views() -> Iterator[KeptViews]:
    views = KeptViews()
    yield views
    views.end()


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views are kept until the test's end."""
    monkeypatch.setattr(kept_views, "KEPT_SECONDS", 1000.0)


def test_a_view_is_closed_a_while_after_its_last_use(views: KeptViews, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_views, "KEPT_SECONDS", 0.01)
    opened = Opened()
    views.add(opened.kept)
    assert views.take(record()) is opened.kept
    views.give_back(opened.kept)
    assert not opened.let_go.wait(0.05)
    views.give_back(opened.kept)
    assert opened.closed()
    assert views.take(record()) is None


def test_a_view_is_there_for_the_next_one(views: KeptViews, long: None) -> None:
    opened = Opened()
    views.add(opened.kept)
    views.give_back(opened.kept)
    assert views.take(record()) is opened.kept
    views.give_back(opened.kept)
    assert not opened.held_closed


def test_a_container_that_has_changed_needs_another_view(views: KeptViews, long: None) -> None:
    old, new = Opened(1), Opened(2)
    views.add(old.kept)
    views.give_back(old.kept)
    assert views.take(record(2)) is None
    views.add(new.kept)
    assert old.closed()
    views.give_back(new.kept)
    assert views.take(record(2)) is new.kept
    views.give_back(new.kept)


def test_who_uses_an_older_view_keeps_it(views: KeptViews, long: None) -> None:
    old, new = Opened(1), Opened(2)
    views.add(old.kept)
    views.add(new.kept)
    assert not old.let_go.wait(0.05)
    views.give_back(old.kept)
    assert old.closed()
    views.give_back(new.kept)


def test_a_view_that_was_not_shared_is_closed_at_once(views: KeptViews, long: None) -> None:
    opened = Opened()
    views.give_back(opened.kept)
    assert opened.closed()


def test_who_unmounts_a_root_closes_its_view_first_and_does_the_rest(views: KeptViews, long: None) -> None:
    opened = Opened()
    views.add(opened.kept)
    views.drop("abc")
    assert not opened.held_closed
    views.give_back(opened.kept)
    views.drop("other")
    assert not opened.held_closed
    views.drop("abc")
    assert opened.held_closed
    assert not opened.let_go.is_set()


@pytest.mark.parametrize("again", [True, False])
def test_a_process_that_ends_closes_all(again: bool, views: KeptViews, long: None) -> None:
    first, late = Opened(), Opened(2)
    views.add(first.kept)
    views.give_back(first.kept)
    views.end()
    assert first.held_closed
    assert first.let_go.is_set()
    if again:
        views.add(late.kept)
        views.give_back(late.kept)
        assert late.closed()
