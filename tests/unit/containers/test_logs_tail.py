"""Finding the last messages of a log from its end."""

from pathlib import Path

import pytest

from engine.containers import logs

TIME = b"2026-11-23T20:33:28.334811171+00:00"


def record(tag: bytes, text: bytes) -> bytes:
    return TIME + b" stdout " + tag + b" " + text + b"\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.write_bytes(b"".join(record(b"F", b"line %d" % number) for number in range(1, 101)))
    return path


@pytest.mark.parametrize("block", [37, 4096])
@pytest.mark.parametrize("tail", [1, 3, 99, 100, 1000])
def test_tail_counts_lines(log: Path, tail: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BLOCK", block)
    file = logs._open(log, tail)
    assert file is not None
    with file:
        lines = file.read().splitlines()
    assert len(lines) == min(tail, 100)
    assert lines[-1].endswith(b"line 100")
    assert lines[0].endswith(b"line %d" % (101 - min(tail, 100)))


def test_tail_zero_is_nothing(log: Path) -> None:
    file = logs._open(log, 0)
    assert file is not None
    with file:
        assert file.read() == b""


def test_pieces_belong_to_their_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(record(b"F", b"first") + record(b"P", b"a") + record(b"P", b"b") + record(b"F", b"c"))
    file = logs._open(path, 1)
    assert file is not None
    with file:
        assert file.read() == record(b"P", b"a") + record(b"P", b"b") + record(b"F", b"c")


def test_an_unfinished_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(record(b"F", b"first") + record(b"F", b"second") + record(b"P", b"prompt"))
    file = logs._open(path, 1)
    assert file is not None
    with file:
        assert file.read() == record(b"P", b"prompt")


def test_no_log_yet(tmp_path: Path) -> None:
    assert logs._open(tmp_path / "none", None) is None
