"""journald's entries, and what journalctl is asked for."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from engine.containers import journal, journal_reader
from engine.containers.config import LogConfig
from engine.containers.journal import Entries, Messages, arguments, enabled, field_name
from engine.containers.log_drivers import Keeping, keeping
from engine.containers.logs import LogOptions

FIRST = b"1970-01-01T00:00:01.000000000"


def exported(text: bytes, *, usec: int = 1_000_000, pid: int = 7, priority: int = 6, partial: bool = False) -> bytes:
    """Return an entry as journalctl exports it: a value with a newline by its length."""
    entry = b"__CURSOR=c%d\n__REALTIME_TIMESTAMP=%d\nPRIORITY=%d\n_PID=%d\n" % (usec, usec, priority, pid)
    if b"\n" in text:
        entry += b"MESSAGE\n" + len(text).to_bytes(8, "little") + text + b"\n"
    else:
        entry += b"MESSAGE=" + text + b"\n"
    return entry + (b"CONTAINER_PARTIAL_MESSAGE=true\n\n" if partial else b"\n")


def texts(*entries: bytes) -> list[bytes]:
    messages = Messages()
    found = messages.feed(Entries().feed(b"".join(entries)))
    return [message[3] for message in (*found, *messages.end())]


def test_entries_are_found_wherever_the_export_is_cut() -> None:
    data = exported(b"one\n") + exported(b"\n\nodd\n=\n", usec=2_000_000) + exported(b"end", usec=3_000_000)
    for size in range(1, len(data)):
        entries = Entries()
        found = [entry for at in range(0, len(data), size) for entry in entries.feed(data[at : at + size])]
        assert [entry[b"MESSAGE"] for entry in found] == [b"one\n", b"\n\nodd\n=\n", b"end"]


def test_an_entry_becomes_a_message() -> None:
    messages = Messages()
    found = messages.feed(Entries().feed(exported(b"one\n") + exported(b"two\n", priority=3)))
    assert found == [(FIRST, b"out", b"F", b"one\n"), (FIRST, b"err", b"F", b"two\n")]
    assert messages.cursor == b"c1000000"


def test_pieces_of_a_line_are_joined_as_far_as_dockerd_does() -> None:
    assert texts(exported(b"a", partial=True), exported(b"b\n")) == [b"ab\n"]
    long = [exported(b"x" * 10_000, partial=True), exported(b"x" * 10_000 + b"\n")]
    assert [len(text) for text in texts(*long)] == [16384, 3617]


def test_an_unfinished_line_of_one_run_is_not_joined_with_the_next_run() -> None:
    assert texts(exported(b"a", partial=True), exported(b"b\n", pid=8)) == [b"a", b"b\n"]


def test_what_a_window_begins_in_the_midst_of_is_passed_over() -> None:
    entries = Entries().feed(exported(b"rest\n") + exported(b"a", partial=True) + exported(b"b\n"))
    messages = Messages(from_middle=True)
    assert [message[3] for message in messages.feed(entries)] == [b"ab\n"]
    assert messages.entries == 3
    # A new run begins a line.
    messages = Messages(from_middle=True)
    entries = Entries().feed(exported(b"rest", partial=True) + exported(b"a\n", pid=8))
    assert [message[3] for message in messages.feed(entries)] == [b"a\n"]


def test_a_line_without_a_newline_of_its_own_gets_one() -> None:
    """Another writer of the same fields, such as dockerd, sends lines without."""
    assert texts(exported(b"a")) == [b"a\n"]


@pytest.mark.parametrize(
    ("options", "more", "expected"),
    [
        (LogOptions(), {}, []),
        (LogOptions(since=1_000_000_001, until=2_500_000_000), {"last": 5}, ["--since=@1.000000", "--lines=5"]),
        (LogOptions(tail=5, since=1), {"after": b"s=1"}, ["--after-cursor=s=1"]),
        (LogOptions(since=1000, tail=5, until=9), {"follow": True}, ["--since=@0.000001", "--follow", "--no-tail"]),
    ],
)
def test_what_journalctl_is_asked_for(options: LogOptions, more: dict[str, object], expected: list[str]) -> None:
    command = arguments("journalctl", "abc", options, **more)  # type: ignore[arg-type]
    wanted = [*expected, "--until=@2.500000"] if options.until > 9 else expected
    assert [word for word in command[6:] if word.startswith("--")] == wanted
    assert command[-1] == "CONTAINER_ID_FULL=abc"


@pytest.mark.parametrize(
    ("name", "expected"), [("color", "COLOR"), ("a.b-c1", "A_B_C1"), ("__x", "X"), ("é", ""), ("A_", "A_")]
)
def test_names_of_fields(name: str, expected: str) -> None:
    assert field_name(name) == expected


def test_a_journal_is_there_when_its_socket_takes_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "socket"
    monkeypatch.setattr(journal, "SOCKET", str(path))
    assert not enabled()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(str(path))
        assert enabled()
        assert keeping(LogConfig("journald")) == Keeping()
    assert not enabled()


def test_a_machine_without_journalctl_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_reader, "which", lambda program: None)
    with pytest.raises(journal_reader.JournalctlMissing) as caught:
        journal_reader.program()
    assert str(caught.value) == "cannot find journalctl, which reads the journal: install systemd's tools"
