"""Builds by an engine of the test's own, straight through the library."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine
from tests.harness.boxes import end_engine, make_engine
from tests.harness.busybox_image import busybox_archive
from tests.integration.build.builds import BASE


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine with a busybox image."""
    made = make_engine(tmp_path)
    list(made.images.load(io.BytesIO(busybox_archive([BASE]))))
    yield made
    for container in made.database.rows("SELECT id FROM containers"):
        made.containers.remove(container["id"], force=True, volumes=True)
    end_engine(made)
