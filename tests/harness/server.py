"""A Skiff of its own: two folders, a socket, and a server that starts when a client connects."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

from compat_api.install import server_program
from tests.harness import processes

PROJECT = Path(__file__).resolve().parents[2]
HOLDER = PROJECT / "systemd" / "hold_socket.py"
START_SECONDS = 30.0
TELL_SECONDS = 1.0  # what a server gets to log its tasks
Mode = Literal["shared", "isolated", "listen"]


class Server:
    """One engine's folders below home, and the servers over it.

    mode shared: one socket-activated server at a time; isolated: one per connection; listen: one that makes
    its socket itself. Several Servers may have one home: they are then several ways to one engine.
    """

    def __init__(self, home: Path, mode: Mode = "shared", *, idle_timeout: float = 10.0, name: str = "") -> None:
        self.home, self.mode = home, mode
        self.root, self.run_root = home / "root", home / "run"
        self.socket = home / f"{name or mode}.sock"
        self.log = home / f"{name or mode}.log"
        self.options = ("--idle-timeout", str(idle_timeout))
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """What DOCKER_HOST is set to."""
        return f"unix://{self.socket}"

    def command(self, *options: str) -> list[str]:
        """Return the command that starts a server over this engine."""
        folders = ["--root", str(self.root), "--run-root", str(self.run_root)]
        return [*server_program(), *folders, *self.options, *options]

    def start(self) -> None:
        """Return when clients may connect; raises AssertionError with the server's words when it does not start."""
        if self.mode == "listen":
            self._start_listening()
            return
        holder = [sys.executable, str(HOLDER), "--socket", str(self.socket), "--log", str(self.log)]
        accept = ["--accept"] if self.mode == "isolated" else []
        self._process = subprocess.Popen(
            [*holder, *accept, "--", *self.command()], stdout=subprocess.PIPE, text=True, cwd=PROJECT
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("listening"), self.words()

    def _start_listening(self) -> None:
        """Start with --listen, and wait for READY=1 as systemd does."""
        address = self.home / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, self.log.open("ab") as log:
            notify.bind(str(address))
            notify.settimeout(START_SECONDS)
            self._process = subprocess.Popen(
                self.command("--listen", self.url),
                stdout=log,
                stderr=log,
                text=True,
                cwd=PROJECT,
                env={**os.environ, "NOTIFY_SOCKET": str(address)},
            )
            try:
                while b"READY=1" not in notify.recv(4096):
                    pass
            except TimeoutError:
                raise AssertionError(f"the server never said READY=1\n{self.words()}") from None
            finally:
                address.unlink()

    def stop(self) -> None:
        """End the servers and what holds their socket; containers live on."""
        if self._process is None:
            return
        servers = self.servers()
        self._process.terminate()
        try:
            self._process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(self._why_it_stays()) from None
        if self._process.stdout:
            self._process.stdout.close()
        self._process = None
        for server in servers:
            _signal(server.pid, signal.SIGTERM)
            if not processes.wait_for_end(server.pid, START_SECONDS):
                _signal(server.pid, signal.SIGKILL)
                raise AssertionError(f"did not end on SIGTERM: {server.line}")

    def _why_it_stays(self) -> str:
        """Tell, of all that should have ended, what each thread waits for and which tasks there are; and kill it."""
        assert self._process is not None
        stay = [each for each in processes.processes() if each.pid == self._process.pid]
        stay += processes.descendants(self._process.pid)
        told = [f"{each.line}\n{processes.waits(each.pid)}" for each in stay]
        for each in self.servers():
            _signal(each.pid, signal.SIGUSR1)  # it logs its tasks
        time.sleep(TELL_SECONDS)
        for each in stay:
            _signal(each.pid, signal.SIGKILL)
        self._process.wait()
        return "\n".join(["did not end on SIGTERM:", *told, self.words()])

    def servers(self) -> list[processes.Process]:
        """Return the server processes that live now."""
        if self._process is None:
            return []
        mine = {each.pid for each in processes.descendants(self._process.pid)} | {self._process.pid}
        return [each for each in processes.processes() if each.pid in mine and each.arguments[:3] == server_program()]

    def kill_servers(self) -> int:
        """Kill every living server as a crash would; returns how many there were."""
        victims = self.servers()
        for victim in victims:
            _signal(victim.pid, signal.SIGKILL)
        for victim in victims:
            processes.wait_for_end(victim.pid, START_SECONDS)
        return len(victims)

    def wait_until_idle(self, timeout: float = START_SECONDS) -> None:
        """Wait until no server is left; raises AssertionError after timeout seconds."""
        for each in self.servers():
            assert processes.wait_for_end(each.pid, timeout), f"still there: {each.line}"

    def words(self) -> str:
        """Return what the servers printed, for messages."""
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else "(the server printed nothing)"


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
