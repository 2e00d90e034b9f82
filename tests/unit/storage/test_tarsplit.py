"""Putting archives together again from their files."""

from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path

import pytest

from engine.errors import BadArchive
from engine.storage.crc64 import Crc64
from engine.storage.tarsplit import TarSplitWriter, assemble


def checksum(data: bytes) -> bytes:
    crc = Crc64()
    crc.update(data)
    return crc.digest()


def write(path: Path) -> list[dict[str, object]]:
    out = io.BytesIO()
    log = TarSplitWriter(out)
    log.raw(b"head")
    log.raw(b"er")
    log.file("d/a", 3, checksum(b"abc"))
    log.raw(b"\0" * 509)
    log.file(b"caf\xe9".decode("utf-8", "surrogateescape"), 0, None)
    log.raw(b"end")
    log.close()
    path.write_bytes(out.getvalue())
    return [json.loads(line) for line in gzip.decompress(out.getvalue()).splitlines()]


def test_the_lines_are_what_tar_split_writes(tmp_path: Path) -> None:
    assert write(tmp_path / "split") == [
        {"type": 2, "payload": "aGVhZGVy", "position": 0},
        {"type": 1, "name": "d/a", "size": 3, "payload": _crc(b"abc"), "position": 1},
        {"type": 2, "payload": _base64(b"\0" * 509), "position": 2},
        {"type": 1, "name_raw": _base64(b"caf\xe9"), "payload": None, "position": 3},
        {"type": 2, "payload": "ZW5k", "position": 4},
    ]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _crc(data: bytes) -> str:
    return _base64(checksum(data))


def test_the_archive_comes_out_as_it_went_in(tmp_path: Path) -> None:
    write(tmp_path / "split")
    (tmp_path / "diff" / "d").mkdir(parents=True)
    (tmp_path / "diff" / "d" / "a").write_bytes(b"abc")
    assert b"".join(assemble(tmp_path / "split", tmp_path / "diff")) == b"headerabc" + b"\0" * 509 + b"end"


def test_a_changed_file_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "split")
    (tmp_path / "diff" / "d").mkdir(parents=True)
    (tmp_path / "diff" / "d" / "a").write_bytes(b"abX")
    with pytest.raises(BadArchive, match="checksum"):
        b"".join(assemble(tmp_path / "split", tmp_path / "diff"))


def test_a_link_out_of_the_layer_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "split")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a").write_bytes(b"abc")
    (tmp_path / "diff").mkdir()
    (tmp_path / "diff" / "d").symlink_to("../outside")
    with pytest.raises(FileNotFoundError):
        b"".join(assemble(tmp_path / "split", tmp_path / "diff"))


def test_the_same_path_twice_is_refused() -> None:
    log = TarSplitWriter(io.BytesIO())
    log.file("a", 0, None)
    with pytest.raises(BadArchive, match="duplicates"):
        log.file("./a", 0, None)
