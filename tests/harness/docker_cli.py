"""The docker command, pointed at one server and at a configuration of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
FETCHED = PROJECT / ".tools" / "bin" / "docker"
RUN_SECONDS = 60.0

Done = subprocess.CompletedProcess[str]


def find_docker() -> str:
    """Return the docker command's path; raises RuntimeError with what to do where there is none."""
    found = shutil.which("docker") or (str(FETCHED) if FETCHED.exists() else None)
    if found is None:
        raise RuntimeError("no docker command on this machine: run .ci/docker_cli, or install the package docker-cli")
    return found


class Docker:
    """Runs docker against one DOCKER_HOST."""

    def __init__(self, host: str, config: Path) -> None:
        self.program = find_docker()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(config),
            "DOCKER_CONFIG": str(config),
            "DOCKER_HOST": host,
            "DOCKER_CLI_HINTS": "false",
        }

    def __call__(self, *arguments: str, stdin: str | bytes | None = None, timeout: float = RUN_SECONDS) -> Done:
        """Run `docker arguments`, whatever its exit status; output as text."""
        data = stdin.decode("latin-1") if isinstance(stdin, bytes) else stdin
        return subprocess.run(
            [self.program, *arguments],
            env=self.environment,
            input=data if data is not None else None,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def ok(self, *arguments: str, stdin: str | bytes | None = None, timeout: float = RUN_SECONDS) -> str:
        """Run `docker arguments` and return what it printed; raises AssertionError unless it exits 0."""
        done = self(*arguments, stdin=stdin, timeout=timeout)
        command = " ".join(arguments)
        assert done.returncode == 0, f"docker {command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start `docker arguments` with pipes for its three streams, and do not wait."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([self.program, *arguments], env=self.environment, **{**pipes, **options})
