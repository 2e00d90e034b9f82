"""A Python application on a real Debian: built in three stages by the docker command and by compose, and run."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.compose import Compose
from tests.harness.debian import rootfs
from tests.integration.conftest import Skiff

APPLICATION = Path(__file__).parent / "application"
DEBIAN = "debian-python:test"


def pack(folder: Path, name: str, version: str) -> None:
    """Put a package's sources with its build program where pip finds them, in the place of another version."""
    made = folder / "sources"
    made.mkdir(exist_ok=True)
    for old in made.glob(f"{name}-*"):
        old.unlink()
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path in (folder / name, folder / "backend.py"):
            below = "" if path.is_dir() else f"/{path.name}"
            archive.add(path, f"{name}-{version}{below}")
    (made / f"{name}-{version}.tar.gz").write_bytes(data.getvalue())


@pytest.fixture(scope="module")
def debian() -> Path:
    """The base image's root file system."""
    return rootfs()


@pytest.fixture
def folder(skiff: Skiff, debian: Path, tmp_path: Path) -> Iterator[Path]:
    """The application's sources, in a folder of their own; the base image is there."""
    skiff.docker.ok("import", str(debian), DEBIAN)
    folder = Path(shutil.copytree(APPLICATION, tmp_path / "application"))
    for name in ("prices", "shop"):
        pack(folder, name, "1.0")
    yield folder
    skiff.docker("rmi", "-f", "shop:test", DEBIAN)
    skiff.docker("builder", "prune", "-af")


def test_three_stages_with_pips_own_cache(skiff: Skiff, folder: Path) -> None:
    said = skiff.docker.ok("build", "-t", "shop:test", str(folder))
    assert "Building wheel for prices" in said
    assert "2 bills were right" in said
    assert "Successfully tagged shop:test" in said
    assert skiff.docker.ok("run", "--rm", "shop:test") == "3 apples and 2 pears: 1.90\n"
    assert skiff.docker.ok("run", "--rm", "shop:test", "apples=10") == "10 apples: 3.00\n"
    assert skiff.docker.ok("run", "--rm", "--entrypoint", "id", "shop:test", "-u") == "1000\n"
    assert "Running in" not in skiff.docker.ok("build", "-t", "shop:test", str(folder)), "nothing changed"

    project = folder / "shop" / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "1.0"', 'version = "1.1"'))
    pack(folder, "shop", "1.1")
    changed = skiff.docker.ok("build", "-t", "shop:test", str(folder))
    assert "Building wheel for shop" in changed
    assert "Building wheel for prices" not in changed, "the cache mount still has it"
    listed = skiff.docker.ok("run", "--rm", "--entrypoint", "/application/bin/pip", "shop:test", "list", "--no-index")
    assert dict(line.split() for line in listed.splitlines())["shop"] == "1.1"


def test_compose_builds_and_runs_it(skiff: Skiff, folder: Path) -> None:
    project = Compose(skiff.docker, folder / "compose.yaml", {"DOCKER_BUILDKIT": "0"})
    try:
        project.ok("build")
        assert project.ok("run", "--rm", "-T", "shop", "pears=4") == "4 pears: 2.00\n"
    finally:
        project("down", "-v", "-t", "0")
