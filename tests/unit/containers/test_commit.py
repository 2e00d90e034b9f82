"""The configuration of an image that was made of a container, and what of a layer is the container's own."""

from __future__ import annotations

import os
import stat
from typing import Any

import pytest

from engine.build.changes import apply
from engine.containers.commit import committed_document, unless_changed
from engine.containers.config import ContainerConfig

PARENT: dict[str, Any] = {
    "architecture": "arm64",
    "variant": "v8",
    "os": "linux",
    "config": {"Cmd": ["old"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:a"]},
    "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "first"}],
    "author": "somebody else",
    "unknown": 1,
}


def made(layers: list[str], **words: str) -> dict[str, Any]:
    given = {"comment": "", "author": "", **words}
    config = ContainerConfig(cmd=["echo", "two words"], labels={})
    return committed_document(PARENT, config, config, "c" * 64, layers, "2025-01-01T00:00:00Z", **given)


def test_it_stands_on_its_parent() -> None:
    document = made(["sha256:b"], comment="why", author="who")
    assert list(document) == sorted(document)
    assert document["rootfs"] == {"type": "layers", "diff_ids": ["sha256:a", "sha256:b"]}
    assert (document["architecture"], document["variant"], document["author"]) == ("arm64", "v8", "who")
    assert document["container"] == "c" * 64
    assert document["container_config"]["Cmd"] == document["config"]["Cmd"] == ["echo", "two words"]
    assert "unknown" not in document
    assert document["history"][1] == {
        "created": "2025-01-01T00:00:00Z",
        "created_by": "echo two words",
        "author": "who",
        "comment": "why",
    }


def test_a_container_that_wrote_nothing_adds_no_layer() -> None:
    document = made([])
    assert document["rootfs"]["diff_ids"] == ["sha256:a"]
    assert document["history"][1]["empty_layer"] is True
    assert "author" not in document


def status(mode: int) -> os.stat_result:
    return os.stat_result((mode, 1, 1, 1, 0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("path", "mode", "left_out"),
    [
        ("etc", stat.S_IFDIR | 0o755, True),
        ("etc", stat.S_IFREG | 0o755, False),
        ("dev", stat.S_IFDIR | 0o755, False),
        (".dockerenv", stat.S_IFREG | 0o755, True),
        ("own", stat.S_IFREG | 0o755, False),
    ],
)
def test_what_the_engine_put_there_is_left_out(path: str, mode: int, left_out: bool) -> None:
    assert unless_changed({"/dev", "/dev/mine"})(path, status(mode)) is left_out


def test_another_program_does_not_get_the_old_ones_arguments() -> None:
    config = ContainerConfig(cmd=["old"], entrypoint=None)
    assert apply(config, ["ENTRYPOINT /new"]).cmd is None
    assert apply(config, ['CMD ["kept"]', "ENTRYPOINT /new"]).cmd == ["kept"]
