"""Health checks: what a container's check is, and the small process that carries it out (engine.health_monitor).

A monitor is started when a container starts or goes on after a pause, ends with it, and is told to end at a pause.
It holds a flock on `health` in the run folder, where its pid is, so that a killed one is seen and replaced
(engine.containers.reconcile). Times are nanoseconds.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from engine import locks
from engine.containers import folders
from engine.containers.config import Healthcheck
from engine.containers.record import Container, Probe
from engine.errors import EngineError

if TYPE_CHECKING:
    from engine import Engine
    from engine.state.database import Database

NONE, STARTING, HEALTHY, UNHEALTHY = "none", "starting", "healthy", "unhealthy"
SECOND = 1_000_000_000
INTERVAL, TIMEOUT, START_INTERVAL = 30 * SECOND, 30 * SECOND, 5 * SECOND
RETRIES = 3
DEFAULT_SHELL = ["/bin/sh", "-c"]

log = logging.getLogger(__name__)


def command(check: Healthcheck | None, shell: list[str] | None) -> list[str] | None:
    """Return what a check runs in the container, None when it runs nothing: no test, NONE, or an unknown kind."""
    if check is None or not check.test:
        return None
    kind, *words = check.test
    if kind == "CMD":
        return words or [""]
    return [*(shell or DEFAULT_SHELL), *words] if kind == "CMD-SHELL" else None


def first_state(container: Container) -> str:
    """Return the health of a container that has just been started."""
    return STARTING if command(container.config.healthcheck, container.config.shell) else ""


def begin(engine: Engine, container: Container) -> None:
    """Start the health monitor of a container that runs and has a check; its failure is logged, not raised."""
    words = command(container.config.healthcheck, container.config.shell)
    if words is None or container.config.healthcheck is None:
        return
    try:
        _spawn(engine, container, container.config.healthcheck, words)
    except (EngineError, OSError):
        log.exception("Container %s: cannot start its health check", container.id)


def end(engine: Engine, container_id: str) -> None:
    """Tell a container's health monitor to end, with the probe that it may be at."""
    path = folders.run(engine.settings, container_id) / "health"
    try:
        pid = int(path.read_text() or "0")
        path.unlink()  # the next monitor does not wait for this one
        if pid > 0 and _is_monitor(pid, container_id):
            os.kill(pid, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        pass


def is_missing(engine: Engine, container: Container) -> bool:
    """Tell whether a running container lacks the health monitor that it should have."""
    if container.state.status != "running" or not container.state.health:
        return False
    return not locks.is_held(folders.run(engine.settings, container.id) / "health")


def probes(database: Database, container_id: str) -> list[Probe]:
    """Return a container's last probes, oldest first."""
    found = database.rows("SELECT * FROM probes WHERE container_id = ? ORDER BY id", (container_id,))
    return [Probe(row["started"], row["finished"], row["exit_code"], row["output"]) for row in found]


def start_failure(text: str, definition: str) -> str:
    """Return in dockerd's words why a probe's process could not be made; text is the runtime's."""
    from engine.runtime.failures import exec_failed

    words: list[str] = json.loads(definition).get("cmd") or [""]
    lines = text.strip().splitlines()
    return str(exec_failed(lines[-1] if lines else "", words[0]))


def _spawn(engine: Engine, container: Container, check: Healthcheck, words: list[str]) -> None:
    from engine.containers.bundle import exec_process
    from engine.containers.execs import ExecConfig, command_text
    from engine.containers.settle import find_runtime
    from engine.runtime import companion
    from engine.state.codec import encode

    config = ExecConfig(attach_stdout=True, attach_stderr=True, cmd=words, probe=True)
    run_folder = folders.run(engine.settings, container.id)
    (run_folder / "health.json").write_text(json.dumps(exec_process(engine, container, config, False, None)))
    runtime, state = find_runtime(engine, container), container.state
    times = (
        check.interval or INTERVAL,
        check.timeout or TIMEOUT,
        check.start_period,
        check.start_interval or START_INTERVAL,
        check.retries if check.retries > 0 else RETRIES,
    )
    line = [sys.executable, "-I", "-S", _script(), str(engine.settings.database), str(engine.database.wake_file)]
    line += [str(run_folder), container.id, str(state.run), str(state.pid), str(state.started)]
    line += [*map(str, times), command_text(words), encode(config), "--", runtime.path, *runtime.global_arguments]
    companion.spawn(line, "health monitor")


def _script() -> str:
    import engine as package

    return os.path.join(package.__path__[0], "health_monitor.py")


def _is_monitor(pid: int, container_id: str) -> bool:
    """Tell whether a pid is still a health monitor's: the kernel gives numbers again."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return container_id.encode() in file.read().split(b"\0")
