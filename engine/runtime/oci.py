"""The OCI runtime (crun or runc): which one there is, and the verbs the engine asks of it.

A runtime keeps its own state below Settings.run_root/runtime, so that engines with other folders do not see
each other's containers. `create` and `exec` are called by the monitor (engine.runtime.monitor), the rest here.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.errors import EngineError, InvalidParameter, Unavailable
from engine.lean_dataclasses import dataclass
from engine.runtime import cgroups

KNOWN = ("crun", "runc")
DEFAULT_ALIASES = ("", "io.containerd.runc.v2")  # names by which clients ask for whatever is the default
# A runtime's verb takes milliseconds; one that hangs longer than this never comes back.
VERB_SECONDS = 60

log = logging.getLogger(__name__)


class UnknownRuntime(InvalidParameter):
    """The client asked for a runtime that is not configured."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no such runtime: {name}")
        self.name = name


class RuntimeMissing(Unavailable):
    """No OCI runtime is installed."""

    def __init__(self, tried: tuple[str, ...]) -> None:
        super().__init__(f"cannot find an OCI runtime: install {' or '.join(tried)}")
        self.tried = tried


class RuntimeFailed(EngineError):
    """The runtime refused; text is what it wrote."""

    def __init__(self, verb: str, text: str, *, silent: bool = False) -> None:
        super().__init__(f"cannot {verb} the container: {text}")
        self.verb = verb
        self.text = text
        self.silent = silent  # it did not say why


@dataclass(frozen=True, slots=True)
class Runtime:
    """An installed runtime: its name as clients know it, its path and its state folder."""

    name: str
    path: str
    state_folder: Path

    @property
    def global_arguments(self) -> list[str]:
        """What stands between the program and the verb."""
        return ["--root", str(self.state_folder), *cgroups.detect().runtime_arguments]

    def start(self, container_id: str) -> None:
        """Let a created container's process run."""
        self._run("start", container_id)

    def kill(self, container_id: str, signal: int) -> None:
        """Send a signal to the container's first process."""
        self._run("kill", container_id, str(signal))

    def pause(self, container_id: str) -> None:
        """Freeze all processes of the container."""
        self._run("pause", container_id)

    def resume(self, container_id: str) -> None:
        """Let a frozen container go on."""
        self._run("resume", container_id)

    def update(self, container_id: str, resources: dict[str, Any]) -> None:
        """Give a running container other limits: what a spec's linux.resources says, where it says anything."""
        self._run("update", "--resources", "/dev/stdin", container_id, data=json.dumps(resources))

    def delete(self, container_id: str) -> None:
        """Remove what the runtime holds of a container, killing what is left; does nothing if there is none."""
        if (self.state_folder / container_id).exists():
            self._run("delete", "--force", container_id)

    def state(self, container_id: str) -> dict[str, Any] | None:
        """Return the runtime's view (`status`: creating, created, running, paused or stopped; `pid`), or None."""
        if not (self.state_folder / container_id).exists():
            return None
        try:
            found: dict[str, Any] = json.loads(self._run("state", container_id))
        except RuntimeFailed:
            return None
        return found

    def version(self) -> str:
        """Return the version line's last word, such as 1.8.1; empty when the program does not say."""
        return version_of(self.path)

    def _run(self, verb: str, *arguments: str, data: str | None = None) -> str:
        command = [self.path, *self.global_arguments, verb, *arguments]
        log.debug("Run %s", shlex.join(command))
        try:
            result = subprocess.run(command, input=data or "", capture_output=True, text=True, timeout=VERB_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise RuntimeFailed(verb, f"no answer within {VERB_SECONDS} s") from error
        if result.returncode != 0:
            raise RuntimeFailed(verb, result.stderr.strip() or f"exit status {result.returncode}")
        return result.stdout


def version_of(program: str) -> str:
    """Return the last word of what a program says first to --version; each file is asked once."""
    try:
        found = os.stat(program)
        return _asked_version(program, (found.st_dev, found.st_ino, found.st_mtime_ns))
    except (OSError, subprocess.TimeoutExpired):
        return ""


@lru_cache(maxsize=16)
def _asked_version(program: str, _: tuple[int, int, int]) -> str:
    result = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=VERB_SECONDS)
    words = result.stdout.partition("\n")[0].split()
    return words[-1] if words else ""


def find(name: str | None, *, default: str | None, run_root: Path) -> Runtime:
    """Return the runtime that goes by this name; None and the aliases stand for the engine's default.

    A default that holds a slash is a path. Raises UnknownRuntime, RuntimeMissing.
    """
    folder = run_root / "runtime"
    if name is None or name in DEFAULT_ALIASES or name == default:
        if default is None:
            for candidate in KNOWN:
                if path := which(candidate):
                    return Runtime(candidate, path, folder)
            raise RuntimeMissing(KNOWN)
        if path := which(default):
            return Runtime(os.path.basename(default), path, folder)
        raise RuntimeMissing((default,))
    if name not in KNOWN:
        raise UnknownRuntime(name)
    if path := which(name):
        return Runtime(name, path, folder)
    raise RuntimeMissing((name,))


def installed(run_root: Path) -> list[Runtime]:
    """Return the known runtimes that are on this machine."""
    return [Runtime(name, path, run_root / "runtime") for name in KNOWN if (path := which(name))]


def which(program: str) -> str | None:
    """Find a system program, in the folders where an administrator's tools are even when PATH lacks them."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return shutil.which(program, path=path)
