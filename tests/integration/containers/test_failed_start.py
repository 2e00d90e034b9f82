"""A start that fails for a reason that nobody has foreseen."""

from __future__ import annotations

import pytest

from engine import Engine, Settings
from engine.network import Networks
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
