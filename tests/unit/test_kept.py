"""What is kept of records: the same thing while they say the same, another one as soon as they do not."""

from __future__ import annotations

from pathlib import Path

from engine.containers import rows
from engine.containers.record import Container, Definition, NetworkState, State
from engine.kept import Kept
from engine.state.database import Database


def test_it_is_made_once_for_the_same_sources() -> None:
    kept: Kept[list[int]] = Kept(2)
    first = kept.of("a", (1, [2]), lambda: [0])
    assert kept.of("a", (1, [2]), lambda: [0]) is first
    assert kept.of("a", (1, [3]), lambda: [4]) == [4]
    assert kept.of("b", (1, [3]), lambda: [5]) == [5]


def test_no_more_are_kept_than_there_may_be() -> None:
    kept: Kept[int] = Kept(2)
    for name in ("a", "b", "c"):
        kept.put(name, (), 0)
    assert [kept.last(name) for name in ("a", "b")] == [None, None]
    assert kept.last("c") == ((), 0)
    kept.put("d", (), 0)
    kept.put("d", (), 1)
    assert kept.last("c") == ((), 0), "what is made anew needs no room"


def test_a_containers_record_is_the_same_until_another_process_changes_its_row(tmp_path: Path) -> None:
    ours, theirs = (Database(tmp_path / "state.db", tmp_path / "changed") for _ in range(2))
    made = Container("a" * 64, "name", 1, "", Definition(path="sh"), State(), NetworkState())
    with ours.transaction() as tx:
        rows.insert(tx, made)
    before = rows.find(ours, "name")
    assert before == made
    assert rows.get(ours, made.id) is before
    with theirs.transaction() as tx:
        rows.change(tx, made.id, pid=7)
    after = rows.get(ours, made.id)
    assert (after.state.pid, after.definition) == (7, made.definition)
    assert after.definition is before.definition, "it takes long to decode"
    with theirs.transaction() as tx:
        rows.redefine(tx, made.id, Definition(path="ash"))
    assert rows.get(ours, made.id).definition.path == "ash"
