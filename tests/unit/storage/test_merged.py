from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.storage import merged
from engine.storage.merged import Merged, Place

Layers = Callable[..., list[Path]]


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    """Makes layers of {path: content}: a text for a file, None for a whiteout, a folder where the path ends with /."""

    def make(*contents: dict[str, str | None]) -> list[Path]:
        made = []
        for number, content in enumerate(contents):
            layer = tmp_path / str(number)
            layer.mkdir()
            made.append(layer)
            for name, text in content.items():
                path = layer / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if name.endswith("/"):
                    path.mkdir(exist_ok=True)
                elif text is None:
                    os.mknod(path, 0o020000, 0)  # the kernel lets everybody make this one device
                else:
                    path.write_text(text)
        return made

    return make


def tree(view: Merged, places: tuple[Place, ...] | None = None, path: str = "") -> dict[str, str]:
    """Return all files of a view with their content, folders with "/"."""
    found = {}
    for node in view.nodes(view.root() if places is None else places):
        if node.is_folder:
            found[f"{path}{node.name}"] = "/"
            found |= tree(view, node.places, f"{path}{node.name}/")
        else:
            fd = view.open(node.place)
            found[f"{path}{node.name}"] = os.read(fd, 100).decode()
            os.close(fd)
    return found


def test_the_topmost_layer_wins_and_folders_are_merged(layers: Layers) -> None:
    with Merged(layers({"d/a": "new"}, {"d/b": "b"}, {"d/a": "old", "d/c/x": "x", "e": "e"})) as view:
        assert tree(view) == {"d": "/", "d/a": "new", "d/b": "b", "d/c": "/", "d/c/x": "x", "e": "e"}


def test_whiteouts_hide(layers: Layers) -> None:
    with Merged(layers({"d/a": None, "e": None}, {"e": "e"}, {"d/a": "a", "d/b": "b", "e": "old"})) as view:
        assert tree(view) == {"d": "/", "d/b": "b"}


def test_a_file_cuts_a_folder_off(layers: Layers) -> None:
    with Merged(layers({"d/": ""}, {"d": "file"}, {"d/a": "a"})) as view:
        assert tree(view) == {"d": "/"}


def test_an_opaque_folder_hides_those_below(layers: Layers, monkeypatch: pytest.MonkeyPatch) -> None:
    made = layers({"d/a": "a"}, {"d/b": "b", "d/opaque": ""}, {"d/c": "c"})
    monkeypatch.setattr(merged, "_is_opaque", lambda path: os.path.exists(f"{path}/opaque"))
    with Merged(made) as view:
        assert tree(view) == {"d": "/", "d/a": "a", "d/b": "b", "d/opaque": ""}
        assert view.opaque(Place(1, "d"))
        assert not view.opaque(Place(0, "d"))


def test_no_link_leads_out_of_a_layer(layers: Layers, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    made = layers({"d/secret": ""}, {"d/other": "b"})
    (made[0] / "d" / "secret").unlink()
    (made[0] / "d").rmdir()
    (made[0] / "d").symlink_to(tmp_path)
    with Merged(made) as view:
        (node,) = view.nodes(view.root())
        assert view.link_target(node.place) == str(tmp_path)
        assert view.nodes((Place(0, "d"),)) == []
        with pytest.raises(OSError, match="openat2"):
            view.open(Place(0, "d/secret"))
        with pytest.raises(OSError, match="openat2"):
            view.open(Place(0, "../secret"))
