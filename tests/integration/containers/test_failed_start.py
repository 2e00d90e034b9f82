"""A start that fails for a reason that nobody has foreseen."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine, Settings
from engine.network import Networks
from tests.harness.leftovers import take_away
from tests.integration.conftest import Skiff


@pytest.mark.parametrize(("options", "left"), [(["--rm"], 0), ([], 1)])
def test_it_leaves_nothing_of_the_start(
    skiff: Skiff, monkeypatch: pytest.MonkeyPatch, options: list[str], left: int
) -> None:
    container = skiff.docker.ok("create", *options, "busybox", "true").strip()
    engine = Engine(Settings(root=skiff.server.root, run_root=skiff.server.run_root))

    def break_down(*_: object) -> None:
        raise OSError(5, "the machine is on fire")

    monkeypatch.setattr(Networks, "apply", break_down)
    with pytest.raises(OSError, match="on fire"):
        engine.containers.start(container)
    assert len(skiff.docker.ok("ps", "-aq").split()) == left
    assert "mounts" not in skiff.left()
    assert "network namespaces" not in skiff.left()
    if left:
        error = skiff.docker.ok("inspect", "-f", "{{.State.Error}} {{.State.Status}}", container)
        assert error == "[Errno 5] the machine is on fire created\n"
        monkeypatch.undo()
        skiff.docker.ok("start", "-a", container)


@pytest.fixture
def on_overlay() -> Iterator[Path]:
    """A folder on an overlay, as the root of most containers is."""
    home = Path(tempfile.mkdtemp(prefix="skiff-", dir="/tmp"))
    for name in ("lower", "upper", "work", "merged"):
        (home / name).mkdir()
    options = f"lowerdir={home}/lower,upperdir={home}/upper,workdir={home}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", home / "merged"], check=True)
    yield home / "merged"
    subprocess.run(["umount", "-l", home / "merged"], check=True)
    shutil.rmtree(home)


def test_a_root_on_an_overlay_is_told_in_words(on_overlay: Path, busybox_tar: Path) -> None:
    skiff = Skiff(on_overlay)
    skiff.server.start()
    try:
        skiff.docker.ok("load", "-i", str(busybox_tar))
        done = skiff.docker("run", "--rm", "busybox", "true")
        assert done.returncode == 125
        assert "not itself an overlay: choose another root" in done.stderr
        assert skiff.docker.ok("ps", "-aq") == ""
    finally:
        skiff.stop()
        take_away(skiff.server.root, skiff.server.run_root)
