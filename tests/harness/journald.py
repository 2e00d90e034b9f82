"""A systemd-journald of the tests' own, in a mount namespace of its own, so that nobody else sees it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.harness.server import PROJECT, START_SECONDS, Server

_FOLDERS = "/usr/lib/systemd:/lib/systemd"
_CONFIGURATION = "[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nRateLimitIntervalSec=0\nForwardToSyslog=no\n"
# Below /run/systemd journald has its sockets and finds its configuration, below /run/log it writes.
_START = """
mount -t tmpfs none /run/systemd && mount -t tmpfs none /run/log && mkdir -p /run/systemd/journald.conf.d &&
printf %s "$2" >/run/systemd/journald.conf.d/tests.conf && exec "$1"
"""


class Journald:
    """A journal. Raises AssertionError when it cannot be started."""

    def __init__(self, home: Path) -> None:
        program = shutil.which("systemd-journald", path=_FOLDERS)
        assert program, "no systemd-journald on this machine: install the package systemd"
        assert shutil.which("journalctl"), "no journalctl on this machine: install the package systemd"
        os.makedirs("/run/systemd", exist_ok=True)
        os.makedirs("/run/log", exist_ok=True)
        address, words = home / "notify", home / "journald.log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, words.open("ab") as log:
            notify.bind(str(address))
            notify.settimeout(START_SECONDS)
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", _START, "sh", program, _CONFIGURATION],
                stdout=log,
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": str(address)},
            )
            try:
                while b"READY=1" not in notify.recv(4096):
                    pass
            except TimeoutError:
                self.stop()
                raise AssertionError(f"journald never said READY=1: {words.read_text()}") from None

    def inside(self, *command: str) -> list[str]:
        """Return the command that runs another one where the journal is, in the project's folder."""
        return ["nsenter", f"--mount=/proc/{self._process.pid}/ns/mnt", "env", "-C", str(PROJECT), *command]

    def run(self, *command: str) -> str:
        """Run a command where the journal is; return what it prints."""
        return subprocess.run(self.inside(*command), stdout=subprocess.PIPE, text=True, check=True).stdout

    def stop(self) -> None:
        """End it; its namespace goes with the last process in it."""
        self._process.terminate()
        self._process.wait(START_SECONDS)


class ServerWithJournal(Server):
    """A server that runs where the journal is."""

    def __init__(self, home: Path, journald: Journald) -> None:
        super().__init__(home)
        self._journald = journald

    def command(self, *options: str) -> list[str]:
        """Return the command that starts a server over this engine."""
        return self._journald.inside(*super().command(*options))
