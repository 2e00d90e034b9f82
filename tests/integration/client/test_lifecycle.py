"""A container's life after `docker run -d`: exec, logs, stop, restart, kill, remove, list."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.harness.busybox_image import busybox_layer
from tests.harness.docker_cli import Docker


@pytest.fixture
def sleeper(docker: Docker) -> str:
    """A running container that has nothing to do."""
    docker.ok("run", "-d", "--name", "sleeper", "busybox", "sleep", "1000")
    return "sleeper"


def test_exec_runs_beside_the_main_process(docker: Docker, sleeper: str) -> None:
    done = docker("exec", sleeper, "sh", "-c", "echo out; echo err >&2; exit 5")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 5)


def test_exec_takes_input_and_options(docker: Docker, sleeper: str) -> None:
    assert docker.ok("exec", "-i", sleeper, "cat", stdin="typed\n") == "typed\n"
    out = docker.ok("exec", "-u", "33", "-w", "/tmp", "-e", "A=b", sleeper, "sh", "-c", "id -u; pwd; echo $A")
    assert out == "33\n/tmp\nb\n"


def test_exec_of_what_is_not_there(docker: Docker, sleeper: str) -> None:
    done = docker("exec", sleeper, "no-such-program")
    assert done.returncode == 127
    assert "executable file not found in $PATH" in done.stderr + done.stdout


def test_exec_detached(docker: Docker, sleeper: str) -> None:
    docker.ok("exec", "-d", sleeper, "sh", "-c", "echo done >/tmp/mark; sleep 1000")
    wait = "until grep -q done /tmp/mark 2>/dev/null; do usleep 10000; done; cat /tmp/mark"
    assert docker.ok("exec", sleeper, "sh", "-c", wait) == "done\n"


def test_logs_have_all_that_was_printed(docker: Docker) -> None:
    docker.ok("run", "--name", "talker", "busybox", "sh", "-c", "echo a; echo b >&2; printf c")
    done = docker("logs", "talker")
    assert (done.stdout, done.stderr) == ("a\nc", "b\n")
    assert docker.ok("logs", "--tail", "1", "talker") == "c"
    stamped = docker.ok("logs", "-t", "talker").splitlines()[0]
    assert stamped.endswith("Z a")
    assert stamped[4] == "-"


def test_logs_follow_until_the_end(docker: Docker) -> None:
    docker.ok("run", "-d", "-i", "--name", "echoing", "busybox", "cat")
    follower = docker.start("logs", "-f", "echoing")
    writer = docker.start("attach", "echoing")
    assert follower.stdout is not None
    assert writer.stdin is not None
    for word in ("one\n", "two\n"):
        writer.stdin.write(word)
        writer.stdin.flush()
        assert follower.stdout.readline() == word
    docker.ok("stop", "-t", "0", "echoing")
    assert follower.communicate(timeout=20)[0] == ""
    assert follower.returncode == 0
    writer.communicate(timeout=20)


def test_stop_gives_the_process_its_chance(docker: Docker) -> None:
    script = 'trap "exit 7" TERM; echo ready; while :; do sleep 1000 & wait $!; done'
    docker.ok("run", "-d", "--name", "polite", "busybox", "sh", "-c", script)
    follow_until(docker, "polite", "ready")
    assert docker.ok("stop", "polite") == "polite\n"
    assert docker.ok("inspect", "-f", "{{.State.ExitCode}} {{.State.Status}}", "polite") == "7 exited\n"


def test_stop_kills_what_does_not_listen(docker: Docker) -> None:
    docker.ok("run", "-d", "--name", "deaf", "busybox", "sleep", "1000")
    docker.ok("stop", "-t", "1", "deaf")
    assert docker.ok("inspect", "-f", "{{.State.ExitCode}}", "deaf") == "137\n"
    docker.ok("start", "deaf")
    assert docker.ok("inspect", "-f", "{{.State.Running}}", "deaf") == "true\n"
    docker.ok("kill", "deaf")
    assert docker.ok("wait", "deaf") == "137\n"


def test_restart_is_a_new_process_in_the_same_container(docker: Docker, sleeper: str) -> None:
    docker.ok("exec", sleeper, "touch", "/kept")
    before = docker.ok("inspect", "-f", "{{.State.Pid}}", sleeper)
    docker.ok("restart", "-t", "0", sleeper)
    assert docker.ok("inspect", "-f", "{{.State.Pid}}", sleeper) != before
    assert docker.ok("exec", sleeper, "ls", "/kept") == "/kept\n"


def test_kill_with_a_signal(docker: Docker) -> None:
    script = 'trap "echo hup" HUP; echo ready; while :; do sleep 1000 & wait $!; done'
    docker.ok("run", "-d", "--name", "listens", "busybox", "sh", "-c", script)
    follow_until(docker, "listens", "ready")
    docker.ok("kill", "-s", "HUP", "listens")
    follow_until(docker, "listens", "hup")
    done = docker("kill", "-s", "NOPE", "listens")
    assert done.returncode == 1
    assert "NOPE" in done.stderr


def test_wait_returns_when_the_container_ends(docker: Docker) -> None:
    docker.ok("run", "-d", "-i", "--name", "waits", "busybox", "sh", "-c", "read word; exit 9")
    waiter = docker.start("wait", "waits")
    assert docker("attach", "waits", stdin="go\n").returncode == 9
    assert waiter.communicate(timeout=20)[0] == "9\n"


def test_remove(docker: Docker, sleeper: str) -> None:
    done = docker("rm", sleeper)
    assert done.returncode == 1
    assert "container is running" in done.stderr
    assert docker.ok("rm", "-f", sleeper) == f"{sleeper}\n"
    assert docker.ok("ps", "-aq") == ""
    done = docker("rm", sleeper)
    assert done.returncode == 1
    assert "No such container: sleeper" in done.stderr


def test_list(docker: Docker, sleeper: str) -> None:
    docker("run", "--name", "ended", "--label", "kind=short", "busybox", "sh", "-c", "exit 1")
    docker.ok("create", "--name", "made", "busybox")
    assert docker.ok("ps", "--format", "{{.Names}}").split() == ["sleeper"]
    rows = [json.loads(line) for line in docker.ok("ps", "-a", "--format", "json").splitlines()]
    assert [row["Names"] for row in rows] == ["made", "ended", "sleeper"]
    assert [row["State"] for row in rows] == ["created", "exited", "running"]
    assert rows[1]["Status"].startswith("Exited (1) ")
    assert rows[2]["Status"].startswith("Up ")
    assert {row["Image"] for row in rows} == {"busybox"}
    for condition, names in [
        ("status=exited", ["ended"]),
        ("label=kind=short", ["ended"]),
        ("name=^/slee", ["sleeper"]),
        ("exited=1", ["ended"]),
        ("ancestor=busybox", ["made", "ended", "sleeper"]),
        ("before=ended", ["sleeper"]),
        ("since=ended", ["made"]),
    ]:
        assert docker.ok("ps", "-a", "--format", "{{.Names}}", "--filter", condition).split() == names, condition


def test_two_containers_do_not_see_each_other(docker: Docker, sleeper: str) -> None:
    docker.ok("run", "-d", "--name", "other", "busybox", "sleep", "1000")
    docker.ok("exec", sleeper, "sh", "-c", "echo mine >/tmp/f")
    assert docker("exec", "other", "cat", "/tmp/f").returncode == 1
    assert "mine" not in docker.ok("run", "--rm", "busybox", "ls", "/tmp")
    assert len(docker.ok("exec", "other", "ps").splitlines()) == 3


def test_images_are_listed_tagged_and_removed(docker: Docker) -> None:
    docker.ok("tag", "busybox", "copy:1")
    assert docker.ok("images", "-q", "copy:1") == docker.ok("images", "-q", "busybox")
    assert docker.ok("rmi", "copy:1") == "Untagged: copy:1\n"
    docker.ok("create", "--name", "uses", "busybox")
    done = docker("rmi", "busybox")
    assert done.returncode == 1
    assert "must be forced" in done.stderr or "is using its referenced image" in done.stderr


def test_import_makes_an_image_of_a_root_filesystem(docker: Docker) -> None:
    done = subprocess.run(
        [docker.program, "import", "-c", "CMD echo imported", "-", "made:1"],
        input=busybox_layer(),
        env=docker.environment,
        capture_output=True,
        check=True,
    )
    assert done.stdout.startswith(b"sha256:")
    assert docker.ok("run", "--rm", "made:1") == "imported\n"
    docker.ok("rmi", "made:1")


def test_info_and_version(docker: Docker) -> None:
    assert docker.ok("version", "-f", "{{.Server.APIVersion}}") == "1.51\n"
    info = json.loads(docker.ok("info", "-f", "{{json .}}"))
    assert info["Driver"] == "overlay2"
    assert info["Images"] == 1
    assert not info.get("ServerErrors")


def follow_until(docker: Docker, container: str, word: str) -> None:
    """Return once a line of the container's output contains word."""
    follower = docker.start("logs", "-f", container)
    assert follower.stdout is not None
    assert any(word in line for line in follower.stdout), f"{container} never said {word}"
    follower.kill()
    follower.communicate()
