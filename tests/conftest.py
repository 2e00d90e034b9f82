"""Fixtures for every kind of test."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.harness.busybox_image import busybox_archive

# How long an example takes is the machine's affair.
settings.register_profile("skiff", deadline=None)
settings.load_profile("skiff")


@pytest.fixture(scope="session")
def busybox_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A docker archive with the image busybox:latest, made from this machine's busybox."""
    path = tmp_path_factory.mktemp("image") / "busybox.tar"
    path.write_bytes(busybox_archive(["busybox:latest"]))
    return path
