"""`docker run`, as a person meets it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from tests.harness.docker_cli import Docker

LISTENING = "until wget -qO- http://127.0.0.1/ >/dev/null 2>&1; do usleep 10000; done"  # a web server in a container


def test_output_reaches_the_client(docker: Docker) -> None:
    done = docker("run", "--rm", "busybox", "sh", "-c", "echo hi; echo oops >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hi\n", "oops\n")


def test_standard_input_and_its_end_reach_the_container(docker: Docker) -> None:
    assert docker.ok("run", "-i", "--rm", "busybox", "cat", stdin="x\n") == "x\n"


def test_a_megabyte_goes_through_and_back(docker: Docker) -> None:
    sent = "".join(f"line {number}\n" for number in range(90_000))
    assert docker.ok("run", "-i", "--rm", "busybox", "cat", stdin=sent) == sent


def test_large_output_is_whole(docker: Docker) -> None:
    out = docker.ok("run", "--rm", "busybox", "seq", "1", "300000")
    assert out.count("\n") == 300000
    assert out.endswith("\n300000\n")


def test_the_exit_status_is_the_containers(docker: Docker) -> None:
    assert docker("run", "--rm", "busybox", "sh", "-c", "exit 42").returncode == 42


@pytest.mark.slow
def test_no_exit_status_is_ever_lost(docker: Docker) -> None:
    codes = [
        docker("run", "--rm", "--network", "none", "busybox", "sh", "-c", "exit 42").returncode for _ in range(200)
    ]
    assert codes == [42] * 200


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        (["no-such-program"], 127, "executable file not found in $PATH"),
        (["/etc/passwd"], 126, "permission denied"),
    ],
)
def test_a_command_that_cannot_run(docker: Docker, command: list[str], status: int, words: str) -> None:
    done = docker("run", "--rm", "busybox", *command)
    assert done.returncode == status
    assert words in done.stderr
    assert docker.ok("ps", "-aq") == ""


def test_a_signal_is_an_exit_status(docker: Docker) -> None:
    script = "sh -c 'kill -9 $$'; echo $?; sleep 1000 & kill -9 $!; wait $!; echo $?"
    assert docker.ok("run", "--rm", "busybox", "sh", "-c", script).split() == ["137", "137"]
    docker.ok("run", "-d", "--name", "killed", "busybox", "sleep", "1000")
    docker.ok("kill", "-s", "KILL", "killed")
    assert docker.ok("wait", "killed") == "137\n"


def test_options_are_honoured(docker: Docker) -> None:
    script = "id -u; pwd; echo $WORD; hostname; cat /proc/self/oom_score_adj; grep ^Cap /proc/self/status | tail -n 1"
    options = ["-u", "33", "-w", "/var/www", "-e", "WORD=kept", "-h", "box", "--oom-score-adj", "300"]
    out = docker.ok("run", "--rm", *options, "busybox", "sh", "-c", script).splitlines()
    assert out[:5] == ["33", "/var/www", "kept", "box", "300"]


def test_a_published_port_answers_on_every_address(docker: Docker) -> None:
    docker.ok("run", "-d", "-p", "8080:80", "--name", "web", "busybox", "httpd", "-f", "-h", "/var/www")
    docker.ok("exec", "web", "sh", "-c", LISTENING)
    for address in ("127.0.0.1", machine_address()):
        with urllib.request.urlopen(f"http://{address}:8080/", timeout=10) as answer:
            assert answer.read() == b"served by busybox\n"
    assert docker.ok("port", "web", "80/tcp").splitlines()[0] == "0.0.0.0:8080"
    done = docker("run", "--rm", "-p", "8080:80", "busybox", "true")
    assert done.returncode == 125
    assert "port is already allocated" in done.stderr
    docker.ok("rm", "-f", "web")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen("http://127.0.0.1:8080/", timeout=5)
    docker.ok("run", "--rm", "-p", "8080:80", "busybox", "true")


def test_containers_reach_each_other_over_the_bridge(docker: Docker) -> None:
    docker.ok("run", "-d", "--name", "web", "busybox", "httpd", "-f", "-h", "/var/www")
    docker.ok("exec", "web", "sh", "-c", LISTENING)
    address = docker.ok("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "web").strip()
    assert docker.ok("run", "--rm", "busybox", "wget", "-qO-", f"http://{address}/") == "served by busybox\n"


def test_network_modes(docker: Docker) -> None:
    links = ["ip", "-o", "link"]
    assert len(docker.ok("run", "--rm", "--network", "none", "busybox", *links).splitlines()) == 1
    own = os.readlink("/proc/self/ns/net")
    assert docker.ok("run", "--rm", "--network", "host", "busybox", "readlink", "/proc/self/ns/net").strip() == own
    assert docker.ok("run", "--rm", "busybox", "readlink", "/proc/self/ns/net").strip() != own
    assert docker.ok("run", "--rm", "--network", "host", "busybox", "hostname").strip() == socket.gethostname()


def test_mounts(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("shared")
    (folder / "in").write_text("from the host\n")
    script = "cat /data/in; echo back >/data/out; touch /fixed/x 2>&1; df -h /scratch | tail -n 1"
    binds = ["-v", f"{folder}:/data", "-v", f"{folder}:/fixed:ro", "--tmpfs", "/scratch:size=1m"]
    out = docker.ok("run", "--rm", *binds, "busybox", "sh", "-c", script)
    assert out.startswith("from the host\n")
    assert "Read-only file system" in out
    assert "1.0M" in out
    assert (folder / "out").read_text() == "back\n"


def test_named_volumes_keep_their_content(docker: Docker) -> None:
    docker.ok("run", "--rm", "-v", "kept:/data", "busybox", "sh", "-c", "echo word >/data/file")
    assert docker.ok("run", "--rm", "-v", "kept:/data", "busybox", "cat", "/data/file") == "word\n"
    docker.ok("volume", "rm", "kept")


def test_a_name_is_free_again_after_the_container_is_gone(docker: Docker) -> None:
    for _ in range(3):
        docker.ok("run", "--rm", "--name", "same", "busybox", "true")
    docker.ok("create", "--name", "same", "busybox")
    done = docker("create", "--name", "same", "busybox")
    assert done.returncode == 1
    assert 'Conflict. The container name "/same" is already in use by container' in done.stderr


def test_attached_run_of_many_at_once(docker: Docker) -> None:
    runs = [docker.start("run", "--rm", "busybox", "sh", "-c", f"echo {number}; exit {number}") for number in range(8)]
    results = [(run.communicate(timeout=60)[0], run.returncode) for run in runs]
    assert results == [(f"{number}\n", number) for number in range(8)]


def test_inspect_tells_how_it_ended(docker: Docker) -> None:
    docker("run", "--name", "ended", "busybox", "sh", "-c", "exit 3")
    state = json.loads(docker.ok("inspect", "ended"))[0]["State"]
    assert (state["Status"], state["ExitCode"], state["Running"], state["Pid"]) == ("exited", 3, False, 0)
    assert state["StartedAt"] < state["FinishedAt"]


def machine_address() -> str:
    """Return an address of this machine's own network device."""
    lines = subprocess.run(["ip", "-4", "-o", "addr", "show"], capture_output=True, text=True, check=True).stdout
    for line in lines.splitlines():
        _, device, _, address = line.split()[:4]
        if device.startswith(("e", "w")):
            return address.split("/")[0]
    raise AssertionError("this machine has no address of its own")
