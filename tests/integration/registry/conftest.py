"""An engine with a store of its own, and a registry in this process."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from engine import Engine, Settings
from engine.images.progress import TransferEvent
from tests.harness.registry import Registry
from tests.harness.registry_images import fill


class Puller:
    """An engine, and what its pulls and pushes told."""

    def __init__(self, home: Path, graph_root: Path | None = None) -> None:
        self.engine = Engine(Settings(root=home / "root", run_root=home / "run", graph_root=graph_root))

    async def told(self, events: AsyncGenerator[TransferEvent]) -> list[TransferEvent]:
        """Run a transfer to its end; returns what it told."""
        return [event async for event in events]

    def left(self) -> list[str]:
        """Return what lies in the store's folders for what is being made."""
        staging = self.engine.store.layers.staging
        return os.listdir(staging) if staging.exists() else []


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as found:
        fill(found)
        yield found


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    if os.geteuid() != 0:
        raise RuntimeError("the integration tests need root")
    return Puller(tmp_path)
