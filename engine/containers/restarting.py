"""Restart policies: whether a container that ended comes back, when, and who sees to it.

dockerd's rules: the first restart comes after 100 ms, each further one after twice as long, a minute at most; ten
seconds of running make it begin anew. While a container is `restarting` its exit command waits (engine.monitor_exit),
holding a flock on `restart.RUN` in the run folder, so that a killed one is seen and replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import locks
from engine.containers import folders
from engine.containers.record import RESTARTING, Container, State

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.config import RestartPolicy

FIRST_MILLISECONDS, MOST_MILLISECONDS = 100, 60_000
LONG_ENOUGH = 10_000_000_000  # nanoseconds of running after which an end is no repetition


def wants_restart(policy: RestartPolicy, state: State, code: int) -> bool:
    """Tell whether a policy brings a container back that ended with this code just now."""
    if state.stop_requested:
        return False
    if policy.name == "unless-stopped":
        return not state.manual_stop
    if policy.name == "on-failure":
        return code != 0 and (policy.maximum_retry_count == 0 or state.restart_count < policy.maximum_retry_count)
    return policy.name == "always"


def wants_restore(policy: RestartPolicy, state: State) -> bool:
    """Tell whether a policy brings a container back that does not run when the machine has come up."""
    if state.run == 0:
        return False
    if policy.name == "unless-stopped":
        return not state.manual_stop
    if policy.name == "on-failure":
        limit = policy.maximum_retry_count
        return state.exit_code != 0 and (limit == 0 or state.restart_count < limit)
    return policy.name == "always"


def next_backoff(before: int, ran: int) -> int:
    """Return how many milliseconds the next restart waits; before: the last one, 0 for none, ran: nanoseconds."""
    if before == 0 or ran >= LONG_ENOUGH:
        return FIRST_MILLISECONDS
    return min(before * 2, MOST_MILLISECONDS)


def begin(engine: Engine, container: Container) -> None:
    """Start the process that waits and restarts, for a container whose monitor could not do so."""
    from engine.containers.start import exit_command
    from engine.runtime import companion

    companion.spawn(exit_command(engine, "restart", container.id, str(container.state.run)), "restart")


def is_missing(engine: Engine, container: Container) -> bool:
    """Tell whether a container is to be restarted and nobody waits to do it."""
    if container.state.status != RESTARTING:
        return False
    return not locks.is_held(folders.run(engine.settings, container.id) / f"restart.{container.state.run}")


def claim(engine: Engine, container_id: str, run: int) -> int | None:
    """Become the one who restarts a container after a run; returns what holds the claim, None when another has it."""
    folder = folders.run(engine.settings, container_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return locks.claim(folder / f"restart.{run}")


def withdraw(engine: Engine, container_id: str, run: int) -> None:
    """Take the file of a claim away whose container was removed before it was made, and the folder made for it."""
    folder = folders.run(engine.settings, container_id)
    (folder / f"restart.{run}").unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:  # gone already
        pass
