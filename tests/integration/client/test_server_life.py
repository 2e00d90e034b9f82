"""Servers come and go; containers, their output and their exit codes do not notice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.harness import processes
from tests.harness.raw_http import send
from tests.integration.conftest import Skiff

MakeSkiff = Callable[..., Skiff]


def test_the_server_ends_when_idle_and_the_container_lives_on(own_skiff: MakeSkiff) -> None:
    skiff = own_skiff(idle_timeout=1.0)
    skiff.docker.ok("run", "-d", "--name", "lasting", "busybox", "sh", "-c", "echo first; exec sleep 1000")
    skiff.server.wait_until_idle()
    assert skiff.server.servers() == []
    assert skiff.docker.ok("ps", "--format", "{{.Names}} {{.State}}") == "lasting running\n"
    assert skiff.docker.ok("logs", "lasting") == "first\n"
    skiff.server.wait_until_idle()
    assert skiff.docker.ok("exec", "lasting", "echo", "here") == "here\n"


def test_an_exit_that_no_server_saw_is_known(own_skiff: MakeSkiff) -> None:
    skiff = own_skiff(idle_timeout=0.5)
    skiff.docker.ok("run", "-d", "--name", "short", "busybox", "sh", "-c", "sleep 2; exit 23")
    pid = int(skiff.docker.ok("inspect", "-f", "{{.State.Pid}}", "short"))
    skiff.server.wait_until_idle()
    assert processes.wait_for_end(pid, 30)
    assert skiff.docker.ok("wait", "short") == "23\n"
    assert skiff.docker.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "short") == "exited 23\n"


def test_a_stream_keeps_the_server(own_skiff: MakeSkiff) -> None:
    skiff = own_skiff(idle_timeout=0.5)
    skiff.docker.ok("run", "-d", "--name", "quiet", "busybox", "sh", "-c", "sleep 3; echo late")
    done = skiff.docker("logs", "-f", "quiet")
    assert (done.stdout, done.returncode) == ("late\n", 0)


def test_calls_around_the_idle_exit_never_fail(own_skiff: MakeSkiff) -> None:
    skiff = own_skiff(idle_timeout=0.05)
    for _ in range(30):
        assert skiff.docker.ok("ps", "-q") == ""


def test_a_killed_server_loses_no_container_and_no_exit_code(own_skiff: MakeSkiff) -> None:
    skiff = own_skiff()
    script = "echo up; until [ -e /go ]; do usleep 10000; done; echo on; exit 17"
    run = skiff.docker.start("run", "--name", "survives", "busybox", "sh", "-c", script)
    assert run.stdout is not None
    assert run.stdout.readline() == "up\n"
    assert skiff.server.kill_servers() == 1
    run.kill()
    run.communicate()
    assert skiff.docker.ok("inspect", "-f", "{{.State.Running}}", "survives") == "true\n"
    attached = skiff.docker.start("attach", "survives")
    skiff.docker.ok("exec", "survives", "touch", "/go")
    attached.communicate(timeout=20)
    assert skiff.docker.ok("wait", "survives") == "17\n"
    assert skiff.docker.ok("logs", "survives") == "up\non\n"
    assert skiff.docker.ok("inspect", "-f", "{{.State.ExitCode}}", "survives") == "17\n"


def test_an_exit_while_no_server_can_see_it(own_skiff: MakeSkiff) -> None:
    skiff = own_skiff()
    skiff.docker.ok("run", "-d", "-i", "--rm", "--name", "gone", "busybox", "cat")
    skiff.docker.ok("run", "-d", "--name", "kept", "busybox", "sh", "-c", "until [ -e /go ]; do usleep 10000; done")
    waiter = skiff.docker.start("wait", "kept")
    pid = int(skiff.docker.ok("inspect", "-f", "{{.State.Pid}}", "kept"))
    Path(f"/proc/{pid}/root/go").touch()
    skiff.server.kill_servers()
    waiter.communicate(timeout=20)
    assert processes.wait_for_end(pid, 20)
    assert skiff.docker.ok("wait", "kept") == "0\n"
    pid = int(skiff.docker.ok("inspect", "-f", "{{.State.Pid}}", "gone"))
    skiff.server.kill_servers()
    os.kill(pid, signal.SIGKILL)
    assert processes.wait_for_end(pid, 20)
    assert send(skiff.server.url, "POST", "/containers/gone/wait?condition=removed").status in (200, 404)
    assert skiff.docker.ok("ps", "-a", "--format", "{{.Names}}") == "kept\n"


def test_a_server_killed_at_any_moment_of_run_leaves_a_usable_engine(own_skiff: MakeSkiff) -> None:
    skiff = own_skiff()
    for number in range(12):
        name = f"cut-{number}"
        run = skiff.docker.start("run", "--name", name, "busybox", "sh", "-c", "exit 3")
        _kill_within(skiff, number * 0.03)
        run.communicate(timeout=30)
        found = skiff.docker.ok("ps", "-a", "--filter", f"name=^/{name}$", "--format", "{{.State}}").split()
        assert found in ([], ["created"], ["running"], ["exited"])
        if found:
            if found == ["created"]:
                skiff.docker("start", name)
            assert skiff.docker.ok("wait", name) == "3\n"
            skiff.docker.ok("rm", "-f", name)
        assert skiff.docker("run", "--rm", "--name", name, "busybox", "sh", "-c", "exit 4").returncode == 4


def test_a_server_per_connection(own_skiff: MakeSkiff) -> None:
    skiff = own_skiff("isolated")
    assert skiff.docker.ok("run", "--rm", "busybox", "echo", "hi") == "hi\n"
    assert skiff.docker.ok("run", "-i", "--rm", "busybox", "cat", stdin="x\n") == "x\n"
    skiff.server.wait_until_idle()
    assert skiff.server.servers() == []


def test_two_servers_see_one_state(own_skiff: MakeSkiff) -> None:
    first = own_skiff("isolated")
    _, second = first.another_server("shared")
    _, third = first.another_server("listen")
    first.docker.ok("create", "--name", "one", "busybox", "sh", "-c", "echo started; exec sleep 1000")
    second.ok("start", "one")
    assert third.ok("exec", "one", "echo", "inside") == "inside\n"
    follower = second.start("logs", "-f", "one")
    waiter = third.start("wait", "one")
    assert follower.stdout is not None
    assert follower.stdout.readline() == "started\n"
    first.docker.ok("stop", "-t", "0", "one")
    assert waiter.communicate(timeout=20)[0] == "137\n"
    assert follower.communicate(timeout=20)[0] == ""
    assert third.ok("ps", "-a", "--format", "{{.Names}} {{.State}}") == "one exited\n"


def test_a_listening_server_ends_cleanly(own_skiff: MakeSkiff) -> None:
    skiff = own_skiff("listen")
    skiff.docker.ok("run", "-d", "--name", "lasting", "busybox", "sleep", "1000")
    (server,) = skiff.server.servers()
    os.kill(server.pid, signal.SIGTERM)
    assert processes.wait_for_end(server.pid, 20)
    assert not skiff.server.socket.exists()
    skiff.server.stop()
    skiff.server.start()
    assert skiff.docker.ok("ps", "--format", "{{.Names}}") == "lasting\n"


def test_the_socket_is_for_its_group_only(own_skiff: MakeSkiff) -> None:
    skiff = own_skiff("listen")
    assert oct(skiff.server.socket.stat().st_mode & 0o777) == "0o660"
    assert skiff.server.socket.stat().st_uid == 0


def _kill_within(skiff: Skiff, seconds: float) -> None:
    """Let a server live for so long at most, then kill it: the moment is meant to fall anywhere in its work."""
    for server in skiff.server.servers():
        processes.wait_for_end(server.pid, seconds)
    skiff.server.kill_servers()
