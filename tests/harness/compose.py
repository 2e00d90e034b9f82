"""The compose command, for one project file on one engine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.harness.docker_cli import PROJECT, Docker, Done

FOLDERS = (
    PROJECT / ".tools" / "bin",
    *(Path(each) for each in ("/usr/libexec/docker/cli-plugins", "/usr/lib/docker/cli-plugins")),
    *(Path(each) for each in ("/usr/local/lib/docker/cli-plugins", "~/.docker/cli-plugins")),
)
SECONDS = 120.0


def find_compose() -> str:
    """Return the path of compose's second version; raises RuntimeError with what to do where there is none."""
    for folder in FOLDERS:
        found = folder.expanduser() / "docker-compose"
        if os.access(found, os.X_OK):
            return str(found)
    raise RuntimeError("no docker compose on this machine: run .ci/docker_cli compose, or install the compose plugin")


class Compose:
    """Runs compose for a file with variables."""

    def __init__(self, docker: Docker, file: Path, variables: dict[str, str]) -> None:
        self.command = [find_compose(), "-f", str(file), "--ansi", "never", "--progress", "quiet"]
        self.variables = variables
        self.environment = docker.environment | variables

    def __call__(self, *arguments: str) -> Done:
        """Run `compose arguments`, whatever its exit status."""
        return subprocess.run(
            [*self.command, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def ok(self, *arguments: str) -> str:
        """Run `compose arguments` and return what it printed; raises AssertionError unless it exits 0."""
        done = self(*arguments)
        assert done.returncode == 0, (
            f"compose {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `compose arguments` with a pipe for what it prints, and do not wait."""
        return subprocess.Popen(
            [*self.command, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
