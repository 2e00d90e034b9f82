"""The units under a systemd that is process 1: activation, idle exit, isolation, limits, what a boot brings back."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.docker_cli import find_docker
from tests.harness.machine import Machine

SKIFF = [sys.executable, "-m", "compat_api.cli"]
SOCKET, ISOLATED = "/run/skiff/skiff.sock", "/run/skiff/isolated.sock"
ACTIVATIONS = 100
# Pings, and has no server left before it pings again, so that each ping starts one.
PINGS = """
import os, select, signal, socket, sys

def servers():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"/compat_api/serve.py\\0" in file.read():
                    yield os.pidfd_open(int(pid))
        except (FileNotFoundError, ProcessLookupError):
            continue

for number in range(int(sys.argv[2])):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(sys.argv[1])
        client.sendall(b"GET /_ping HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK"), number
    for server in servers():
        try:
            signal.pidfd_send_signal(server, signal.SIGKILL)
        except ProcessLookupError:
            pass
        assert select.select([server], [], [], 30)[0], number
        os.close(server)
"""


class Skiff(Machine):
    """A machine with Skiff's units."""

    def docker(self, *arguments: str, socket: str = SOCKET) -> str:
        return self.ok(find_docker(), "-H", f"unix://{socket}", *arguments).strip()

    def state(self, unit: str) -> str:
        return self("systemctl", "is-active", unit).stdout.strip()

    def wait_for(self, unit: str, state: str) -> None:
        deadline = time.monotonic() + 30
        while self.state(unit) != state:
            assert time.monotonic() < deadline, self("systemctl", "status", unit).stdout
            time.sleep(0.05)

    def started(self, unit: str) -> int:
        """Return how often a unit was started in this boot, by the journal."""
        lines = self.ok("journalctl", "-b", "-u", unit, "-o", "json").splitlines()
        # The id of "a start job has finished successfully", see systemd.journal-fields and sd-messages.h.
        return sum(json.loads(line).get("MESSAGE_ID") == "39f53479d3a045ac8e11786248231fbf" for line in lines)


@pytest.fixture
def machine(busybox_tar: Path) -> Iterator[Skiff]:
    found = Skiff(Path(tempfile.mkdtemp(prefix="skiff-machine-", dir="/tmp")))
    (found.shared / "busybox.tar").write_bytes(busybox_tar.read_bytes())
    try:
        found.boot()
        yield found
    finally:
        found.close()


def test_the_units_serve_idle_out_and_leave_containers_alone(machine: Skiff) -> None:
    machine.ok(*SKIFF, "install", "--idle-timeout", "0.5")
    assert (machine.state("skiff.socket"), machine.state("skiff.service")) == ("active", "inactive")
    machine.docker("load", "-i", "/mnt/busybox.tar")
    machine.docker("run", "-d", "--name", "stays", "-p", "8080:80", "--health-cmd", "true", "busybox", "sleep", "1000")
    assert machine.state("skiff.service") == "active"
    machine.wait_for("skiff.service", "inactive")
    assert machine.state("skiff.socket") == "active"
    assert machine.docker("ps", "--format", "{{.Names}} {{.State}}") == "stays running"
    assert machine.docker("exec", "stays", "echo", "answered") == "answered"
    machine.ok("systemctl", "stop", "skiff.service")
    machine.ok("systemctl", "kill", "-s", "KILL", "skiff.service") if machine.state(
        "skiff.service"
    ) == "active" else None
    assert machine.docker("inspect", "-f", "{{.State.Running}} {{.RestartCount}}", "stays") == "true 0"
    version = machine.docker("info", "-f", "{{.CgroupVersion}}")
    assert version == ("2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "1")
    group = machine.docker("exec", "stays", "cat", "/proc/self/cgroup")
    assert group, "it has a control group of its own"
    pid = machine.docker("inspect", "-f", "{{.State.Pid}}", "stays")
    assert "skiff.service" not in machine.ok("cat", f"/proc/{pid}/cgroup"), "the service's end would end it"
    machine.docker("rm", "-f", "stays")
    machine.ok(*SKIFF, "uninstall")
    assert machine.state("skiff.socket") == "inactive"


def test_a_server_for_every_connection_has_a_unit_of_its_own(machine: Skiff) -> None:
    machine.ok(*SKIFF, "install", "--isolated")
    machine.docker("load", "-i", "/mnt/busybox.tar", socket=ISOLATED)
    machine.docker("run", "-d", "--name", "stays", "busybox", "sleep", "1000", socket=ISOLATED)
    waiting = [find_docker(), "-H", f"unix://{ISOLATED}", "wait", "stays"]
    machine.ok("systemd-run", "--unit=waits", "--remain-after-exit", "--setenv=HOME=/root", *waiting)
    deadline = time.monotonic() + 30
    listing = ("systemctl", "list-units", "--no-legend", "--plain", "--state=running", "skiff-isolated@*")
    while not machine.ok(*listing).split():
        assert time.monotonic() < deadline, "no server for the connection that waits"
        time.sleep(0.05)
    assert machine.docker("exec", "stays", "echo", "answered", socket=ISOLATED) == "answered"
    machine.docker("kill", "stays", socket=ISOLATED)
    while machine.ok(*listing).split():
        assert time.monotonic() < deadline + 30, "a server outlives its connection"
        time.sleep(0.05)
    assert machine.ok("journalctl", "-b", "-u", "waits", "-o", "cat").split()[-1:] != ["1"]
    assert machine.ok("systemctl", "--failed", "--no-legend", "--plain") == ""
    machine.docker("rm", "stays", socket=ISOLATED)


@pytest.mark.parametrize("isolated", [False, True], ids=["shared", "isolated"])
def test_a_hundred_activations_in_a_row_leave_the_socket_up(machine: Skiff, isolated: bool) -> None:
    how = ["--isolated"] if isolated else []
    machine.ok(*SKIFF, "install", *how)
    machine.ok("systemctl", "log-target", "journal")
    path, socket = (ISOLATED, "skiff-isolated.socket") if isolated else (SOCKET, "skiff.socket")
    machine.ok(sys.executable, "-c", PINGS, path, str(ACTIVATIONS))
    assert machine.state(socket) == "active"
    assert machine.started("skiff-isolated@*" if isolated else "skiff.service") >= ACTIVATIONS


def test_a_server_that_cannot_start_fails_the_socket(machine: Skiff) -> None:
    """Clients are to be refused in the end, and not to wait for ever."""
    machine.ok(*SKIFF, "install")
    machine.ok("mkdir", "-p", "/etc/systemd/system/skiff.service.d")
    broken = "[Service]\nExecStart=\nExecStart=/bin/false\n"
    machine.ok("sh", "-c", f"printf '{broken}' > /etc/systemd/system/skiff.service.d/broken.conf")
    machine.ok("systemctl", "daemon-reload")
    done = machine(find_docker(), "-H", f"unix://{SOCKET}", "ps")
    assert done.returncode == 1
    assert machine.state("skiff.socket") == "failed"


def test_a_boot_brings_back_what_dockerd_would(machine: Skiff) -> None:
    machine.ok(*SKIFF, "install")
    machine.docker("load", "-i", "/mnt/busybox.tar")
    sleep = ["busybox", "sleep", "1000"]
    for policy in ("no", "always", "unless-stopped", "on-failure"):
        machine.docker("run", "-d", "--name", policy, "--restart", policy, *sleep)
    for policy in ("always", "unless-stopped"):
        machine.docker("run", "-d", "--name", f"{policy}-stopped", "--restart", policy, *sleep)
        machine.docker("stop", "-t", "0", f"{policy}-stopped")
    machine.docker("run", "-d", "--name", "goes", "--rm", *sleep)
    machine.docker("create", "--name", "never-ran", "--restart", "always", *sleep)

    for loss in (machine.power_off, machine.cut_power):
        loss()
        machine.boot()
        machine.wait_for("skiff-restore.service", "active")
        assert machine.state("skiff.socket") == "active"
        found = machine.docker("ps", "-a", "--format", "{{.Names}} {{.State}}").splitlines()
        states = dict(line.split() for line in found)
        assert states.pop("on-failure") == "running", "it ended by a signal or with the machine: no success"
        assert states == {
            "no": "exited",
            "always": "running",
            "unless-stopped": "running",
            "always-stopped": "running",
            "unless-stopped-stopped": "exited",
            "never-ran": "created",
        }, loss
    assert machine.docker("exec", "always", "echo", "answered") == "answered"
