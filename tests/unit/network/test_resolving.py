"""Networks by the beginnings of their ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import Engine, Settings
from engine.errors import NoSuchNetwork
from engine.network import AmbiguousNetwork
from engine.network.record import NetworkDefinition
from engine.state.codec import encode


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = Engine(Settings(root=tmp_path / "root", run_root=tmp_path / "run"))
    with made.database.transaction() as tx:
        for network_id, name in (("ab" * 32, "bridge"), ("ac" * 32, "one"), ("b" * 64, "ac")):
            tx.execute("INSERT INTO networks VALUES (?, ?, ?, ?)", (network_id, name, 1, encode(NetworkDefinition())))
    return made


@pytest.mark.parametrize(("name", "count"), [("a", 2), ("", 3)])
def test_a_beginning_of_several_says_of_how_many(engine: Engine, name: str, count: int) -> None:
    with pytest.raises(AmbiguousNetwork) as caught:
        engine.networks.resolve(name)
    assert str(caught.value) == f"network {name} is ambiguous ({count} matches found based on ID prefix)"


def test_a_name_goes_before_a_beginning(engine: Engine) -> None:
    assert engine.networks.resolve("ac").id == "b" * 64
    assert engine.networks.resolve("aca").name == "one"


@pytest.mark.parametrize("name", ["*", "a?", "AC", "[ab]", "default"])
def test_nothing_is_a_pattern_or_another_name(engine: Engine, name: str) -> None:
    with pytest.raises(NoSuchNetwork):
        engine.networks.resolve(name)
