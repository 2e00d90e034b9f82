"""The engines that are measured: each gives a DOCKER_HOST, warm and, where it has such a state, cold.

dockerd and podman come from the script that SKIFF_PEERS names, else from ../shared/peers/peers beside the checkout;
where there is none, Skiff is measured alone.
"""

from __future__ import annotations

import compileall
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.harness import leftovers, processes
from tests.harness.server import PROJECT, Server

TAG = "skiff-bench:latest"
# Waits inside the peers' root for a connection, then becomes podman's service, as systemd would make it.
WAIT_AND_SERVE = """
import os, select, sys
listener = int(sys.argv[1])
print("waiting", flush=True)
select.select([listener], [], [])
os.dup2(listener, 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Engine:
    """One engine; warm is the DOCKER_HOST of a server that is running, cold of one that starts when called."""

    name: str
    warm: str
    cold: str | None = None

    def chill(self) -> None:
        """Return when the next call to cold will start a server."""

    def processes(self) -> list[processes.Process]:
        """Return what the engine itself runs: servers, monitors, shims; not the containers' processes."""
        raise NotImplementedError

    def close(self) -> None:
        """End what the engine was measured with."""


class Skiff(Engine):
    """This checkout, in folders of its own; compiled as an installation is, or a cold start would time the compiler."""

    name = "skiff"

    def __init__(self) -> None:
        for package in ("compat_api", "engine"):
            compileall.compile_dir(PROJECT / package, quiet=1)
        self._home = Path(tempfile.mkdtemp(prefix="skiff-bench-"))
        self._warm = Server(self._home, "shared", idle_timeout=600)
        self._warm.start()
        self._cold = Server(self._home, "shared", idle_timeout=0.2, name="cold")
        self._cold.start()
        self.warm, self.cold = self._warm.url, self._cold.url

    def chill(self) -> None:
        """Wait for the short-lived server's idle exit."""
        self._cold.wait_until_idle()

    def processes(self) -> list[processes.Process]:
        """Return the servers and what stays; the socket's holder stands for systemd and does not count."""
        stays = (
            "bin/conmon",
            "/engine/health_monitor",
            "/engine/log_keeper",
            "/engine/attendant",
            "/engine/monitor_exit",
        )
        mine = {each.pid for each in self._warm.servers() + self._cold.servers()}
        ours = [each for each in processes.mentioning(f"{self._home}/") if any(part in each.line for part in stays)]
        return ours + [each for each in processes.processes() if each.pid in mine]

    def close(self) -> None:
        """Stop the servers and remove the engine's folders."""
        for server in (self._warm, self._cold):
            server.stop()
        leftovers.take_away(self._warm.root, self._warm.run_root)
        shutil.rmtree(self._home)


class Dockerd(Engine):
    """The newest dockerd; it has no cold start, for it never ends."""

    name = "dockerd"

    def __init__(self, peers: Path) -> None:
        self.warm = _start(peers, "docker")

    def processes(self) -> list[processes.Process]:
        """Return dockerd, containerd and the shims."""
        return [
            each
            for each in processes.mentioning("peer-docker")
            if Path(each.arguments[0]).name in ("dockerd", "containerd", "containerd-shim-runc-v2", "docker-proxy")
        ]


class Podman(Engine):
    """The newest podman's API service."""

    name = "podman"

    def __init__(self, peers: Path) -> None:
        self._peers = peers
        self.warm = _start(peers, "podman")
        self._folder = Path(tempfile.mkdtemp(prefix="podman-bench-", dir="/tmp"))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / "cold.sock"))
        self._listener.listen(64)
        self.cold = f"unix://{self._folder}/cold.sock"
        self._service: subprocess.Popen[str] | None = None

    def chill(self) -> None:
        """Wait for the service's idle exit and put a new one behind the socket."""
        if self._service is not None:
            self._service.wait()
        serve = "podman --cgroup-manager cgroupfs --events-backend file system service --time 1".split()
        self._service = subprocess.Popen(
            [str(self._peers), "exec", "python3", "-c", WAIT_AND_SERVE, str(self._listener.fileno()), *serve],
            env={"PEERS_NETNS": "peer-podman", **os.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            pass_fds=[self._listener.fileno()],
        )
        assert self._service.stdout is not None
        assert self._service.stdout.readline() == "waiting\n"
        self._service.stdout.close()

    def processes(self) -> list[processes.Process]:
        """Return the service that always runs, and the monitors."""
        return [
            each
            for each in processes.processes()
            if each.arguments[0].endswith(("podman", "conmon"))
            and (not each.arguments[0].endswith("conmon") or any("podman" in word for word in each.arguments))
        ]

    def close(self) -> None:
        """End the cold service."""
        self._listener.close()
        if self._service is not None:
            self._service.terminate()
            self._service.wait()
        shutil.rmtree(self._folder)


def find_peers() -> Path | None:
    """Return the script that starts the peers, None where there is none."""
    path = Path(os.environ.get("SKIFF_PEERS", PROJECT.parent / "shared" / "peers" / "peers"))
    return path if path.exists() else None


def _start(peers: Path, name: str) -> str:
    print(f"Starting {name}", file=sys.stderr)
    own = {key: value for key, value in os.environ.items() if key != "TMPDIR"}  # a folder that its root may not have
    done = subprocess.run([peers, "start", name], check=True, stdout=subprocess.PIPE, text=True, env=own)
    return done.stdout.split()[-1]
