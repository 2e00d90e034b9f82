"""Reading the monitor's log back into the messages that were written."""

from engine.containers.log_format import MAX_MESSAGE, Joiner, Message, end_of_run, parse_time, stamp_of

STAMP = b"2026-11-23T20:33:28.334811171"
TIME = STAMP + b"+00:00"
NANOSECONDS = 1795466008334811171


def feed(joiner: Joiner, *lines: bytes) -> list[Message]:
    return joiner.feed(b"".join(line + b"\n" for line in lines))


def texts(messages: list[Message]) -> list[tuple[bytes, bytes]]:
    return [(stream, text) for _, stream, _, text in messages]


def test_time_with_offset_and_fraction() -> None:
    assert parse_time(TIME) == NANOSECONDS
    assert parse_time(b"2026-11-23T21:33:28.334811171+01:00") == NANOSECONDS
    assert parse_time(b"2026-11-23T15:03:28.334811171-05:30") == NANOSECONDS
    assert parse_time(b"2026-11-23T20:33:28Z") == NANOSECONDS // 10**9 * 10**9
    assert parse_time(b"yesterday") is None


def test_times_compare_as_text() -> None:
    assert stamp_of(NANOSECONDS) == STAMP
    assert stamp_of(-5) == b"1970-01-01T00:00:00.000000000"
    assert stamp_of(10**30) == b"9999-12-31T23:59:59.999999999"


def test_full_record_has_its_newline_back() -> None:
    assert feed(Joiner(), TIME + b" stdout F hello  world") == [(STAMP, b"out", b"F", b"hello  world\n")]


def test_empty_line() -> None:
    assert feed(Joiner(), TIME + b" stderr F ") == [(STAMP, b"err", b"F", b"\n")]


def test_another_time_zone() -> None:
    record = b"2026-11-23T21:33:28.334811171+01:00 stdout F x"
    assert feed(Joiner(), record) == [(STAMP, b"out", b"F", b"x\n")]


def test_pieces_of_each_stream_are_joined() -> None:
    joiner = Joiner()
    lines = [TIME + b" stdout P a", TIME + b" stderr P x", TIME + b" stdout F b", TIME + b" stderr F y"]
    assert texts(feed(joiner, *lines)) == [(b"out", b"ab\n"), (b"err", b"xy\n")]
    assert joiner.end() == []


def test_a_piece_without_an_end_comes_at_the_end() -> None:
    joiner = Joiner()
    assert feed(joiner, TIME + b" stdout P prompt> ") == []
    assert texts(joiner.end()) == [(b"out", b"prompt> ")]


def test_a_piece_ends_with_its_run() -> None:
    lines = [TIME + b" stdout P prompt> ", end_of_run(NANOSECONDS)[:-1], TIME + b" stdout F next"]
    assert texts(feed(Joiner(), *lines)) == [(b"out", b"prompt> "), (b"out", b"next\n")]


def test_long_lines_are_cut_where_dockerd_cuts_them() -> None:
    pieces = [TIME + b" stdout P " + b"x" * 8192] * 5 + [TIME + b" stdout F end"]
    sizes = [len(text) for _, text in texts(feed(Joiner(), *pieces))]
    assert sizes == [MAX_MESSAGE, MAX_MESSAGE, 5 * 8192 + 4 - 2 * MAX_MESSAGE]


def test_a_long_record_is_cut_too() -> None:
    found = feed(Joiner(), TIME + b" stdout F " + b"x" * (MAX_MESSAGE + 1))
    assert [len(text) for _, text in texts(found)] == [MAX_MESSAGE, 2]


def test_a_newline_behind_a_full_message_is_one_of_its_own() -> None:
    pieces = [TIME + b" stdout P " + b"x" * MAX_MESSAGE, TIME + b" stdout F "]
    assert [len(text) for _, text in texts(feed(Joiner(), *pieces))] == [MAX_MESSAGE, 1]
    assert [len(text) for _, text in texts(feed(Joiner(), pieces[0]))] == [MAX_MESSAGE]
    record = TIME + b" stdout F " + b"x" * (MAX_MESSAGE - 1)
    assert [len(text) for _, text in texts(feed(Joiner(), record))] == [MAX_MESSAGE]


def test_a_damaged_record_is_passed_over() -> None:
    lines = [b"", b"garbage", TIME + b" stdin F x", b"never stdout F x", TIME + b" stdout F ok"]
    assert texts(feed(Joiner(), *lines)) == [(b"out", b"ok\n")]


def test_from_the_middle_a_line_that_began_before_is_passed_over() -> None:
    lines = [TIME + b" stderr P x", TIME + b" stdout F rest", TIME + b" stdout F whole", TIME + b" stderr F y"]
    assert texts(feed(Joiner(from_middle=True), *lines)) == [(b"out", b"whole\n")]
