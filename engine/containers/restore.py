"""What surrounds a boot: bringing containers back after it as dockerd does, and ending them gently before.

Called by `skiff restore` and `skiff shutdown`, which skiff-restore.service runs. A container is brought back once a
boot: only when it was last started in another one. A stop by shutdown is not a user's, so unless-stopped comes back.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from engine import locks
from engine.containers import folders, rows
from engine.containers.record import RESTARTING, Container
from engine.containers.restarting import wants_restore
from engine.containers.settle import settled
from engine.errors import EngineError, NoSuchContainer, NotModified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engine import Engine

AT_ONCE = 8  # starts and stops side by side

log = logging.getLogger(__name__)


def restore(engine: Engine) -> list[str]:
    """Start what dockerd would start when the machine has come up; returns the names of what runs again.

    Containers that remove themselves and did not get to it are removed. A failure is logged and kept for inspect.
    """
    from engine.containers.remove import remove

    engine.containers.reconcile()
    wanted = []
    for container in reversed(rows.all_containers(engine.database)):
        if container.state.alive or container.state.boot_id in ("", rows.boot_id()):
            continue
        if container.host.auto_remove:
            try:
                remove(engine, container.id, volumes=True)
            except EngineError:
                log.exception("Container %s: cannot remove it", container.id)
        elif wants_restore(container.host.restart_policy, container.state):
            wanted.append(container)
    restored: list[str] = []
    for together in in_order(wanted):
        restored += _each(together, lambda container: _start(engine, container))
    return restored


def shutdown(engine: Engine) -> list[str]:
    """Stop every container that runs, as its stop signal and timeout say, because the machine goes down."""
    running = [each for each in rows.all_containers(engine.database) if each.state.alive or _is_to_restart(each)]
    return _each(running, lambda container: _stop(engine, container))


def in_order(containers: Iterable[Container]) -> list[list[Container]]:
    """Divide containers into groups so that each one's namespaces' donors are in a group before its own. Pure."""
    waiting = {each.id: each for each in containers}
    groups = []
    while waiting:
        ready = [each for each in waiting.values() if not waiting.keys() & _donors(each)]
        ready = ready or list(waiting.values())  # a circle: their starts will tell
        groups.append(ready)
        for each in ready:
            del waiting[each.id]
    return groups


def _donors(container: Container) -> set[str]:
    host = container.host
    modes = (mode.partition(":") for mode in (host.network_mode, host.ipc_mode, host.pid_mode))
    return {name for kind, _, name in modes if kind == "container"}


def _is_to_restart(container: Container) -> bool:
    return container.state.status == RESTARTING


def _each(containers: list[Container], work: Callable[[Container], bool]) -> list[str]:
    """Do the work for each, some at a time; returns the names of those for which it says that it did."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        done = list(threads.map(work, containers))
    return [container.name for container, did in zip(containers, done, strict=True) if did]


def _start(engine: Engine, container: Container) -> bool:
    from engine.containers.start import start

    try:
        start(engine, container.id)
    except (NoSuchContainer, NotModified):
        return False  # a client was faster
    except (EngineError, OSError):
        log.exception("Container %s: cannot start it", container.id)
        return False
    return True


def _stop(engine: Engine, container: Container) -> bool:
    from engine.containers.signals import parse_signal
    from engine.containers.stop import DEFAULT_SIGNAL, end

    try:
        with locks.locked(engine.settings.locks, folders.lock_name(container.id)):
            container = settled(engine, container.id)
            with engine.database.transaction() as tx:
                changes = {"status": "exited"} if _is_to_restart(container) else {}
                rows.change(tx, container.id, stop_requested=1, **changes)
        if not container.state.alive:
            return False
        number = parse_signal(container.config.stop_signal or DEFAULT_SIGNAL)
        end(engine, container, number, None, by_user=False)
        with engine.database.transaction() as tx:
            rows.event(tx, container, "stop")
    except NoSuchContainer:
        return False
    except (EngineError, OSError):
        log.exception("Container %s: cannot stop it", container.id)
        return False
    return True
