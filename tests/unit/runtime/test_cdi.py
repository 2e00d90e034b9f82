"""CDI: which devices files describe, and what they change in a spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.runtime.cdi import CdiFailed, find, inject
from engine.runtime.cdi_yaml import read_yaml

NVIDIA = """\
---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
- name: "0"   # the first
  containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
      type: c
      major: 195
      fileMode: 0666
    hooks:
    - hookName: createContainer
      path: /usr/bin/nvidia-ctk
      args:
      - nvidia-ctk
      - hook
      - chmod
containerEdits:
  env:
    - NVIDIA_VISIBLE_DEVICES=void
  mounts:
  - hostPath: /lib/x.so
    containerPath: /lib/x.so
    options: [ro, nosuid, bind]
"""


def spec() -> dict[str, Any]:
    return {
        "process": {"env": ["A=1"], "user": {"uid": 5, "gid": 6, "additionalGids": [6]}},
        "linux": {"resources": {"devices": []}},
        "mounts": [],
    }


def document(*names: str, kind: str = "a.b/c", edits: dict[str, Any] | None = None) -> str:
    devices = [{"name": name, "containerEdits": edits or {"env": ["X=1"]}} for name in names]
    return json.dumps({"cdiVersion": "0.6.0", "kind": kind, "devices": devices})


def test_a_file_as_nvidia_writes_it(tmp_path: Path) -> None:
    (tmp_path / "nvidia.yaml").write_text(NVIDIA)
    made = spec()
    inject(made, ["nvidia.com/gpu=0"], [str(tmp_path)])
    node = {"path": "/dev/nvidia0", "type": "c", "major": 195, "minor": 0, "uid": 5, "gid": 6, "fileMode": 0o666}
    assert made["linux"]["devices"] == [node]
    rule = {"allow": True, "type": "c", "major": 195, "minor": 0, "access": "rwm"}
    assert made["linux"]["resources"]["devices"] == [rule]
    assert made["process"]["env"] == ["A=1", "NVIDIA_VISIBLE_DEVICES=void"]
    assert made["mounts"] == [
        {"destination": "/lib/x.so", "type": "bind", "source": "/lib/x.so", "options": ["ro", "nosuid", "bind"]}
    ]
    hook = {"path": "/usr/bin/nvidia-ctk", "args": ["nvidia-ctk", "hook", "chmod"]}
    assert made["hooks"] == {"createContainer": [hook]}


def test_the_later_folder_counts_and_two_files_of_one_cancel_each_other(tmp_path: Path) -> None:
    first, second = tmp_path / "etc", tmp_path / "run"
    first.mkdir()
    second.mkdir()
    (first / "a.json").write_text(document("one", "two"))
    (second / "a.json").write_text(document("one", edits={"env": ["X=2"]}))
    (second / "b.json").write_text(document("three"))
    (second / "c.json").write_text(document("three"))
    (second / "broken.json").write_text("{")
    (second / "bad.json").write_text(document("four", edits={"hooks": [{"hookName": "never", "path": "/x"}]}))
    (second / "ignored.txt").write_text(document("five"))
    found = find([str(first), str(second), str(tmp_path / "nowhere")])
    assert sorted(found) == ["a.b/c=one", "a.b/c=two"]
    assert found["a.b/c=one"].own == {"env": ["X=2"]}


def test_what_is_not_there_is_said_in_dockerds_words(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(document("one", edits={"deviceNodes": [{"path": "/dev/conf-nowhere"}]}))
    with pytest.raises(CdiFailed, match=r"^CDI device injection failed: unresolvable CDI devices a.b/c=x, a.b/c=y$"):
        inject(spec(), ["a.b/c=x", "a.b/c=one", "a.b/c=y"], [str(tmp_path)])
    with pytest.raises(CdiFailed, match='failed to stat CDI host device "/dev/conf-nowhere": no such file'):
        inject(spec(), ["a.b/c=one"], [str(tmp_path)])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: 'it''s'\nc: \"x\\ny\"\n", {"a": 1, "b": "it's", "c": "x\ny"}),
        ("- 1\n- - a\n  - b\n- k: v\n  l:\n  - z\n", [1, ["a", "b"], {"k": "v", "l": ["z"]}]),
        ("a:\nb: ~\nc: []\nd: [x, 2]\ne: 0x1b6\n", {"a": None, "b": None, "c": [], "d": ["x", 2], "e": 0x1B6}),
        ("a: http://x#y # but not this\n", {"a": "http://x#y"}),
        ('k: {"a": [1]}\n', {"k": {"a": [1]}}),
        ("", None),
    ],
)
def test_yaml(text: str, value: object) -> None:
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    "text", ["a: &x 1\n", "a: |\n  b\n", "a: 1\na: 2\n", "a: 1\n   b: 2\n", "\ta: 1\n", "a: {b: c}\n"]
)
def test_yaml_that_is_beyond_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_yaml(text)
