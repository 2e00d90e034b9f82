"""The documents of the first image format, against those that dockerd 28.5 wrote."""

from __future__ import annotations

import json
from typing import Any

from engine.images.legacy import documents

CHAIN = ["sha256:" + "1" * 64, "sha256:" + "2" * 64]
IMAGE: dict[str, Any] = {
    "architecture": "amd64",
    "os": "linux",
    "config": {"Cmd": ["<x>"]},
    "created": "2024-01-02T03:04:05.500Z",
    "author": "me",
}


def test_only_the_topmost_says_what_the_image_is() -> None:
    base, top = (json.loads(data) for data in documents(IMAGE, CHAIN))
    assert list(base) == ["id", "created", "container_config", "os"]
    assert list(top) == [
        "id", "parent", "created", "container_config", "author", "config", "architecture", "os",
    ]  # fmt: skip
    assert (base["created"], top["created"]) == ("1970-01-01T00:00:00Z", "2024-01-02T03:04:05.5Z")
    assert top["parent"] == base["id"]
    assert top["config"]["Cmd"] == ["<x>"]


def test_a_document_is_named_by_all_that_is_below_it() -> None:
    other = [json.loads(data)["id"] for data in documents(IMAGE, [CHAIN[1], CHAIN[1]])]
    own = [json.loads(data)["id"] for data in documents(IMAGE, CHAIN)]
    assert len({*other, *own}) == 4


def test_a_time_that_is_not_there_stays_away() -> None:
    (only,) = documents({"config": None}, CHAIN[:1])
    assert json.loads(only)["created"] is None
    assert "config" not in json.loads(only)
