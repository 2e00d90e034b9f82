"""Images as JSON, held against what dockerd 28.5 answered for the same image (in dockerd/)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compat_api.shapes import images as shapes
from engine.go_json import dumps, dumps_escaped
from engine.images.configuration import container_config, parse
from engine.images.inspect import details
from engine.images.load import ImageLoaded, ImagesLoaded, LayerLoaded, NameMoved
from engine.images.record import HistoryEntry, Image, ImageSummary, Removed

DOCKERD = Path(__file__).parent / "dockerd"
ID = "c3bce249f92f1707b74ae2f52bdc9ab668dc7e47f21678f01ec25840a64ccd9c"
NAMES = ["localhost:5000/sk-a/b:1", "docker.io/library/sk-full:1"]
GRAPH = {"UpperDir": "/layer/diff", "MergedDir": "/layer/merged", "WorkDir": "/layer/work"}
ZERO = "0001-01-01T00:00:00Z"


def image(document: dict[str, Any]) -> Image:
    return Image(ID, NAMES, "layer", container_config(document), document)


@pytest.mark.parametrize("version", ["1.40", "1.44", "1.49", "1.51"])
def test_inspect_is_dockerds_byte_for_byte(version: str) -> None:
    document = parse((DOCKERD / "image_config.json").read_bytes())
    number = (int(version[0]), int(version[2:]))
    found = shapes.inspect(details(image(document), 3, GRAPH, ZERO), number)
    assert dumps_escaped(found) + "\n" == (DOCKERD / f"image_inspect_v{version}.json").read_text()


def test_inspect_of_an_image_that_says_nothing() -> None:
    document: dict[str, Any] = {"rootfs": {}, "config": {"Env": [], "Labels": {}}}
    found = shapes.inspect(details(image(document), 0, {}, ZERO), (1, 51))
    assert "Created" not in found
    assert found["RootFS"] == {}
    assert found["GraphDriver"] == {"Data": None, "Name": "overlay2"}
    assert (found["Config"]["Env"], found["Config"]["Labels"]) == (None, None)
    older = shapes.inspect(details(image(document), 0, {}, ZERO), (1, 43))
    assert older["Created"] == ZERO
    assert "VirtualSize" not in older


def test_history_is_dockerds() -> None:
    tags = ["sk-full:1", "localhost:5000/sk-a/b:1"]
    entries = [
        HistoryEntry(f"sha256:{ID}", 0, "b", tags, 0, "<c>"),
        HistoryEntry("<missing>", 1577836800, "a", None, 3, ""),
    ]
    assert dumps([shapes.history(each) for each in entries]) + "\n" == (DOCKERD / "image_history.json").read_text()


def summary(tags: list[str], digests: list[str], version: tuple[int, int]) -> dict[str, Any]:
    return shapes.summary(ImageSummary("sha256:x", tags, digests, "", 5, 7, -1, 2, None), version)


def test_the_list_changed_with_the_versions() -> None:
    assert dumps(summary(["a:1"], [], (1, 51))) == (
        '{"Containers":2,"Created":5,"Id":"sha256:x","Labels":null,"ParentId":"","RepoDigests":[],"RepoTags":["a:1"],'
        '"SharedSize":-1,"Size":7}'
    )
    assert summary(["a:1"], [], (1, 50))["Containers"] == -1
    assert summary([], [], (1, 43))["RepoTags"] == []
    assert summary([], [], (1, 43))["VirtualSize"] == 7
    assert "VirtualSize" not in summary([], [], (1, 44))
    nameless = summary([], [], (1, 42))
    assert (nameless["RepoTags"], nameless["RepoDigests"]) == (["<none>:<none>"], ["<none>@<none>"])
    assert summary(["a:1"], [], (1, 42))["RepoDigests"] is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-01T00:00:00.500000+02:00", "2020-01-01T00:00:00.5+02:00"),
        ("2020-01-01T00:00:00.000Z", "2020-01-01T00:00:00Z"),
        ("2020-01-01T00:00:00+00:00", "2020-01-01T00:00:00Z"),
        ("2026-11-23T20:33:27.870567669Z", "2026-11-23T20:33:27.870567669Z"),
    ],
)
def test_times_as_go_writes_them_again(text: str, expected: str) -> None:
    assert shapes.go_time(text) == expected


def test_what_a_load_says() -> None:
    layer = LayerLoaded("sha256:224598912995c05f11f34254645ce9992f37f80690efd342655fa79dc61ab8b0", 3010560)
    assert shapes.loaded(layer, quiet=True) is None
    assert dumps_escaped(shapes.loaded(layer, quiet=False)) == (
        '{"status":"Loading layer","progressDetail":{"current":3010560,"total":3010560},'
        '"progress":"[==================================================\\u003e]  3.011MB/3.011MB","id":"224598912995"}'
    )
    assert shapes.loaded(ImageLoaded("a:1"), quiet=True) == {"stream": "Loaded image: a:1\n"}
    assert shapes.loaded(ImagesLoaded(["sha256:a"]), quiet=True) == {"stream": "Loaded image ID: sha256:a\n"}
    assert shapes.loaded(ImagesLoaded([]), quiet=True) == {}  # none was for the platform that was asked for
    moved = shapes.loaded(NameMoved("a:1", "sha256:b"), quiet=True)
    assert moved == {"stream": "The image a:1 already exists, renaming the old one with ID sha256:b to empty string\n"}


def test_progress_of_an_unknown_length() -> None:
    found = shapes.progress("", "Importing", 10240, -1)
    assert json.dumps(found, separators=(",", ":")) == (
        '{"status":"Importing","progressDetail":{"current":10240,"total":-1},"progress":" 10.24kB"}'
    )
    assert shapes.progress_text(5000, 999999).endswith("]      5kB/1000kB")
    assert shapes.progress_text(5, 3).endswith("]       5B")


def test_what_a_removal_did() -> None:
    done = [Removed(untagged="a:1"), Removed(deleted="sha256:b")]
    assert [shapes.removed(each) for each in done] == [{"Untagged": "a:1"}, {"Deleted": "sha256:b"}]
