"""`docker run -it` in a real terminal: typing, resizing, leaving by Ctrl-P Ctrl-Q and coming back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.docker_cli import Docker
from tests.harness.terminal import Terminal


@pytest.fixture
def terminal(docker: Docker, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal with a shell that knows the docker command."""
    terminal = Terminal(tmp_path, {**docker.environment, "docker": docker.program})
    yield terminal
    terminal.close()


def test_a_shell_that_is_typed_into(terminal: Terminal, docker: Docker) -> None:
    terminal.line("$docker run -it --rm busybox sh; echo status=$?")
    terminal.expect("/ # ")
    terminal.line("tty; echo $((6*7)); test -t 0 && test -t 1 && test -t 2 && echo all-three")
    terminal.expect(r"/dev/pts/0\s+42\s+all-three")
    terminal.line("exit 5")
    terminal.expect("status=5")
    assert docker.ok("ps", "-aq") == ""


def test_ctrl_c_reaches_the_foreground_process(terminal: Terminal) -> None:
    terminal.line("$docker run -it --rm busybox sh")
    terminal.expect("/ # ")
    terminal.line("echo begin; sleep 1000; echo status=$?")
    terminal.expect(r"begin\r?\n")
    terminal.type("C-c")
    terminal.expect("/ # ")
    terminal.line("exit")
    terminal.expect("host> ")


def test_the_container_knows_the_windows_size_and_its_changes(terminal: Terminal) -> None:
    terminal.line("$docker run -it --rm busybox sh")
    terminal.expect("/ # ")
    terminal.line("until [ \"$(stty size)\" = '24 80' ]; do usleep 10000; done; echo st''arted")
    terminal.expect("started")
    terminal.resize(100, 31)
    terminal.line("until [ \"$(stty size)\" = '31 100' ]; do usleep 10000; done; echo res''ized")
    terminal.expect("resized")
    terminal.line("exit")
    terminal.expect("host> ")


def test_leaving_and_coming_back(terminal: Terminal, docker: Docker) -> None:
    terminal.line("$docker run -it --name stays busybox sh; echo left=$?")
    terminal.expect("/ # ")
    terminal.line("word=remembered")
    terminal.expect("/ # ")
    terminal.type("C-p", "C-q")
    terminal.expect(r"left=\d+")
    assert docker.ok("inspect", "-f", "{{.State.Running}}", "stays") == "true\n"
    terminal.line("$docker attach stays; echo back=$?")
    terminal.type("Enter")
    terminal.expect("/ # ")
    terminal.line('echo "it is $word"')
    terminal.expect("it is remembered")
    terminal.line("exit 4")
    terminal.expect("back=4")


def test_exec_has_a_terminal_of_its_own(terminal: Terminal, docker: Docker) -> None:
    docker.ok("run", "-d", "--name", "host", "busybox", "sleep", "1000")
    terminal.line("$docker exec -it host sh; echo status=$?")
    terminal.expect("/ # ")
    terminal.line("until [ \"$(stty size)\" = '24 80' ]; do usleep 10000; done; echo si''zed")
    terminal.expect("sized")
    terminal.line("exit 6")
    terminal.expect("status=6")
    assert docker.ok("inspect", "-f", "{{.State.Running}}", "host") == "true\n"
