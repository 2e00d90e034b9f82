"""Reading the monitor's log back into the messages that were written."""

from engine.containers.log_format import MAX_MESSAGE, Joiner, LogEntry, parse_time

TIME = b"2026-11-23T20:33:28.334811171+00:00"
NANOSECONDS = 1795466008334811171


def test_time_with_offset_and_fraction() -> None:
    assert parse_time(TIME) == NANOSECONDS
    assert parse_time(b"2026-11-23T21:33:28.334811171+01:00") == NANOSECONDS
    assert parse_time(b"2026-11-23T15:03:28.334811171-05:30") == NANOSECONDS
    assert parse_time(b"2026-11-23T20:33:28Z") == NANOSECONDS // 10**9 * 10**9
    assert parse_time(b"yesterday") is None


def test_full_record_has_its_newline_back() -> None:
    assert list(Joiner().feed([TIME + b" stdout F hello  world"])) == [LogEntry(1, NANOSECONDS, b"hello  world\n")]


def test_empty_line() -> None:
    assert list(Joiner().feed([TIME + b" stderr F "])) == [LogEntry(2, NANOSECONDS, b"\n")]


def test_pieces_of_each_stream_are_joined() -> None:
    joiner = Joiner()
    lines = [TIME + b" stdout P a", TIME + b" stderr P x", TIME + b" stdout F b", TIME + b" stderr F y"]
    assert [(entry.stream, entry.data) for entry in joiner.feed(lines)] == [(1, b"ab\n"), (2, b"xy\n")]
    assert list(joiner.end()) == []


def test_a_piece_without_an_end_comes_at_the_end() -> None:
    joiner = Joiner()
    assert list(joiner.feed([TIME + b" stdout P prompt> "])) == []
    assert [entry.data for entry in joiner.end()] == [b"prompt> "]


def test_long_lines_are_cut_where_dockerd_cuts_them() -> None:
    pieces = [TIME + b" stdout P " + b"x" * 8192] * 5 + [TIME + b" stdout F end"]
    sizes = [len(entry.data) for entry in Joiner().feed(pieces)]
    assert sizes == [MAX_MESSAGE, MAX_MESSAGE, 5 * 8192 + 4 - 2 * MAX_MESSAGE]


def test_a_damaged_record_is_passed_over() -> None:
    lines = [b"", b"garbage", TIME + b" stdin F x", TIME + b" stdout F ok"]
    assert [entry.data for entry in Joiner().feed(lines)] == [b"ok\n"]
