"""Telling in a moment whether any container may need mending, for a server whose first client waits.

It errs on the safe side: what it is not sure of is looked at by engine.containers.reconcile. Imports next to nothing.
"""

from __future__ import annotations

import os

from engine.locks import is_held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from engine import Engine

ALIVE = ("running", "paused")


def may_need_mending(engine: Engine) -> bool:
    """Tell whether something of a container may not be as its row says, or be left of one that has none."""
    settings, database = engine.settings, engine.database
    found = database.rows(
        "SELECT id, status, intent, boot_id, run, health, definition LIKE '%\"max-size\"%' AS rotates FROM containers"
    )
    ids = {row["id"] for row in found}
    folder = os.fspath(settings.run_containers)
    for parent in (folder, os.fspath(settings.containers)):
        try:
            if not ids.issuperset(os.listdir(parent)):
                return True
        except FileNotFoundError:
            pass
    boot = _boot_id()
    for row in found:
        if row["intent"]:
            return True
        if row["status"] not in (*ALIVE, "restarting"):
            continue
        run = f"{folder}/{row['id']}"
        if row["boot_id"] != boot:
            return True
        if row["status"] == "restarting":
            if not is_held(f"{run}/restart.{row['run']}"):
                return True
            continue
        if os.path.exists(f"{run}/exit") or not _has_reader(f"{run}/ctl"):
            return True
        if os.path.exists(f"{os.fspath(settings.run_root)}/runtime/{row['id']}/exec.fifo"):
            return True
        if row["health"] and row["status"] == "running" and not is_held(f"{run}/health"):
            return True
        if row["rotates"] and not is_held(f"{run}/log-keeper"):
            return True
    return any(row["status"] in ALIVE for row in found) and _are_networks_disturbed(engine)


def _are_networks_disturbed(engine: Engine) -> bool:
    from engine.network.standing import is_attendant_gone, is_changed

    return is_changed(engine.networks) or is_attendant_gone(engine.networks)


def _boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def _has_reader(fifo: str) -> bool:
    """Tell whether a monitor reads its control FIFO, and so lives."""
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True
