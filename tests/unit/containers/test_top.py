from __future__ import annotations

import pytest

from engine.containers.top import ProcessTable, PsFailed, RenamedPid, check_arguments, parse

OUTPUT = """\
UID          PID    PPID  C STIME TTY          TIME CMD
root          10       1  0 22:12 ?        00:00:00 sh -c  sleep 5;  true
root          11       1  0 22:12 ?        00:00:00 other
root          12      10  0 22:12 ?        00:00:00 sleep 5
"""


def test_only_the_container_s_processes_are_told_of() -> None:
    table = parse(OUTPUT, {10, 12})
    assert table.titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert [process[1] for process in table.processes] == ["10", "12"]


def test_what_is_more_than_titles_is_one_text_with_single_spaces() -> None:
    assert parse(OUTPUT, {10}).processes[0][-1] == "sh -c sleep 5; true"


def test_white_space_of_other_scripts_is_part_of_a_word() -> None:
    assert parse("PID CMD\n1 a\u3000b c\n", {1}).processes == [["1", "a\u3000b c"]]


def test_threads_stand_below_their_process() -> None:
    output = "PID LWP\n10 -\n- 10\n- 14\n11 -\n- 11\n"
    assert parse(output, {10}) == ProcessTable(["PID", "LWP"], [["10", "-"], ["-", "10"], ["-", "14"]])


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("COMMAND\nsh\n", "Couldn't find PID field in ps output"),
        ("PID\nx\n", "Unexpected pid 'x': strconv.Atoi: parsing \"x\": invalid syntax"),
    ],
)
def test_output_without_pids(output: str, words: str) -> None:
    with pytest.raises(PsFailed) as caught:
        parse(output, {1})
    assert str(caught.value) == words


def test_no_other_column_may_be_called_pid() -> None:
    check_arguments("-o pid=PID")
    with pytest.raises(RenamedPid) as caught:
        check_arguments("-e -o comm=PIDDLE")
    assert str(caught.value) == 'specifying "comm=PIDDLE" is not allowed'
