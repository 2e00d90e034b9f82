"""A log in several files, read as one."""

import gzip
import os
from pathlib import Path

import pytest

from engine.containers import log_files
from engine.containers.log_files import LogFiles

TIME = b"2026-11-23T20:33:28.334811171+00:00"


def record(tag: bytes, text: bytes, stream: bytes = b"stdout") -> bytes:
    return TIME + b" " + stream + b" " + tag + b" " + text + b"\n"


def lines(first: int, last: int) -> bytes:
    return b"".join(record(b"F", b"line %d" % number) for number in range(first, last + 1))


def texts(reader: LogFiles) -> list[bytes]:
    found: list[bytes] = []
    while (batch := reader.read()) is not None:
        found += [text for _, _, _, text in batch]
    return found


def whole(path: Path, tail: int | None = None, since: int = 0) -> list[bytes]:
    reader = LogFiles(path, tail=tail, since=since)
    found = texts(reader) + [text for _, _, _, text in reader.end()]
    reader.close()
    return found


def expected(first: int, last: int) -> list[bytes]:
    return [b"line %d\n" % number for number in range(first, last + 1)]


@pytest.fixture(params=["one", "rotated", "packed", "linked"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A log of a hundred lines, in the ways in which it may lie there."""
    path = tmp_path / "container.log"
    path.write_bytes(lines(61, 100))
    match request.param:
        case "one":
            path.write_bytes(lines(1, 100))
        case "rotated":
            (tmp_path / "container.log.9").write_bytes(lines(1, 30))
            (tmp_path / "container.log.10").write_bytes(lines(31, 60))
        case "packed":
            (tmp_path / "container.log.1.gz").write_bytes(gzip.compress(lines(1, 30)))
            (tmp_path / "container.log.2.gz").write_bytes(
                gzip.compress(lines(1, 30))
            )  # half done, beside the plain one
            (tmp_path / "container.log.2").write_bytes(lines(31, 60))
            (tmp_path / "container.log.3.packing").write_bytes(b"half")
        case "linked":
            (tmp_path / "container.log.1").write_bytes(lines(1, 60))
            os.link(path, tmp_path / "container.log.2")
    return path


def test_the_whole_log(log: Path) -> None:
    assert whole(log) == expected(1, 100)


@pytest.mark.parametrize("block", [37, 4096])
@pytest.mark.parametrize("span", [50, 2000, 1 << 20])
@pytest.mark.parametrize("tail", [0, 1, 3, 39, 40, 41, 99, 100, 1000])
def test_tail_counts_lines(log: Path, tail: int, span: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "BLOCK", block)
    monkeypatch.setattr(log_files, "_TAIL_LEAST", span)
    monkeypatch.setattr(log_files, "_TAIL_MOST", span)
    assert whole(log, tail) == expected(101 - min(tail, 100), 100)


def test_pieces_belong_to_their_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(record(b"F", b"first") + record(b"P", b"a") + record(b"P", b"b") + record(b"F", b"c"))
    assert whole(path, 1) == [b"abc\n"]


def test_a_line_may_go_on_in_the_next_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.with_name("log.1").write_bytes(record(b"F", b"first") + record(b"P", b"a"))
    path.write_bytes(record(b"F", b"b") + record(b"F", b"last"))
    assert whole(path) == [b"first\n", b"ab\n", b"last\n"]
    assert whole(path, 2) == [b"ab\n", b"last\n"]


def test_an_unfinished_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(record(b"F", b"first") + record(b"F", b"second") + record(b"P", b"prompt"))
    assert whole(path, 1) == [b"prompt"]


def test_no_log_yet(tmp_path: Path) -> None:
    path = tmp_path / "log"
    reader = LogFiles(path, tail=5)
    assert texts(reader) == []
    path.write_bytes(lines(1, 2))
    assert texts(reader) == expected(1, 2)
    reader.close()


def test_files_that_are_too_old_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.with_name("log.1").write_bytes(lines(1, 3))
    os.utime(path.with_name("log.1"), ns=(1000, 1000))
    path.write_bytes(lines(4, 6))
    assert whole(path, since=2000) == expected(4, 6)


def test_following_through_rotations(tmp_path: Path) -> None:
    """Whatever is done to the files between two looks, each line comes once and in order."""
    path = tmp_path / "log"
    path.write_bytes(lines(1, 2))
    reader = LogFiles(path)
    assert texts(reader) == expected(1, 2)
    with path.open("ab") as old:
        os.link(path, tmp_path / "log.1")
        old.write(lines(3, 4))
        old.flush()
        assert texts(reader) == expected(3, 4)
        old.write(lines(5, 5))
        old.flush()
        path.with_name("new").write_bytes(lines(6, 7))
        path.with_name("new").rename(path)
    assert texts(reader) == expected(5, 7)
    path.rename(tmp_path / "log.2")
    path.write_bytes(lines(8, 9))
    path.rename(tmp_path / "log.3")
    path.with_name("log.3.gz").write_bytes(gzip.compress((tmp_path / "log.3").read_bytes()))
    (tmp_path / "log.3").unlink()
    (tmp_path / "log.1").unlink()
    path.write_bytes(lines(10, 11))
    assert texts(reader) == expected(8, 11)
    reader.close()


def test_following_a_file_that_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(lines(1, 2))
    reader = LogFiles(path)
    assert texts(reader) == expected(1, 2)
    path.with_name("log.tmp").write_bytes(lines(3, 4))
    path.with_name("log.tmp").rename(path)
    assert texts(reader) == expected(3, 4)
    reader.close()
