"""Removing a container, and giving it another name."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine import locks
from engine.containers import folders, rows
from engine.containers.record import PAUSED, REMOVING, RESTARTING, RUNNING, Container
from engine.containers.settle import INTENT_REMOVE, INTENT_REMOVE_WITH_VOLUMES, demolish, dismantle, settled
from engine.errors import Conflict, InvalidParameter, NameInUse, NoSuchContainer
from engine.storage.folders import remove_tree

if TYPE_CHECKING:
    from engine import Engine
    from engine.storage.store import Later

NAME = re.compile(r"^/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$")


class RemoveOfRunning(Conflict):
    """A container that runs is removed only by force; status says how it runs."""

    def __init__(self, name: str, status: str) -> None:
        super().__init__(f"cannot remove container {name}: it is {status}")
        self.name = name
        self.status = status


class InvalidName(InvalidParameter):
    """A name that no container can have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"invalid container name: {name}")
        self.name = name


class SameName(InvalidParameter):
    """A container is renamed to the name it has."""

    def __init__(self) -> None:
        super().__init__("the container has this name already")


def remove(engine: Engine, name: str, *, force: bool = False, volumes: bool = False) -> None:
    """Remove a container; force ends it first, volumes takes its anonymous volumes along.

    What holds little is deleted soon after, in a thread: for others the container is gone. Raises NoSuchContainer,
    RemoveOfRunning.
    """
    container_id = rows.find_id(engine.database, name)
    left: list[Callable[[], object]] = []
    try:
        _remove(engine, container_id, name, force=force, volumes=volumes, later=left.append)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        # Not even room to write down what is about to be done: what is to go makes it.
        _make_room(engine, rows.get(engine.database, container_id))
        _remove(engine, container_id, name, force=force, volumes=volumes, later=left.append)
    finally:
        if left:
            from engine.off_loop import put_off

            for each in left:
                put_off(each)


def _remove(engine: Engine, container_id: str, name: str, *, force: bool, volumes: bool, later: Later) -> None:
    from engine.containers.stop import KillOfStopped, kill

    container = rows.get(engine.database, container_id)
    if container.state.status in (RUNNING, PAUSED, RESTARTING):
        if not force:
            raise RemoveOfRunning(name, container.state.status)
        if container.state.alive:
            try:
                kill(engine, container_id)
            except KillOfStopped:
                pass
            except NoSuchContainer:
                return  # it removed itself
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        try:
            container = settled(engine, container_id)
        except NoSuchContainer:
            return
        if container.state.alive:
            raise RemoveOfRunning(name, container.state.status)
        with engine.database.transaction() as tx:
            intent = INTENT_REMOVE_WITH_VOLUMES if volumes else INTENT_REMOVE
            rows.change(tx, container_id, intent=intent, status=REMOVING)
        demolish(engine, container, volumes=volumes, intended=True, later=later)


def _make_room(engine: Engine, container: Container) -> None:
    """End a container that is to be removed, and delete the files that it has written."""
    from engine.containers.stop import kill_unrecorded

    kill_unrecorded(engine, container)
    with locks.locked(engine.settings.locks, folders.lock_name(container.id)):
        dismantle(engine, container)  # a root that is mounted keeps the room of files that are deleted below it
        written = engine.store.graph(container.id)["UpperDir"]
        for name in os.listdir(written):
            remove_tree(os.path.join(written, name))


def rename(engine: Engine, name: str, new_name: str) -> None:
    """Give a container another name. Raises NoSuchContainer, InvalidName, NameInUse, SameName."""
    container_id = rows.find_id(engine.database, name)
    check_name(new_name)
    wanted = new_name.removeprefix("/")
    with locks.locked(engine.settings.locks, folders.lock_name(container_id)):
        container = settled(engine, container_id)
        if container.name == wanted:
            raise SameName
        with engine.database.on_disk_at_end():
            with engine.database.transaction() as tx:
                owner = tx.execute("SELECT id FROM containers WHERE name = ?", (wanted,)).fetchone()
                if owner is not None:
                    raise NameInUse(wanted, owner["id"])
                rows.change(tx, container_id, name=wanted)
                rows.event(tx, _renamed(container, wanted), "rename", oldName=f"/{container.name}")
            # For other engines to see: a kill before this leaves the old name there, a power cut perhaps the new one.
            engine.store.rename_container(container_id, wanted)


def check_name(name: str) -> None:
    """Refuse a name that no container can have. Raises InvalidName."""
    if not NAME.match(name):
        raise InvalidName(name)


def _renamed(container: Container, name: str) -> Container:
    from engine.lean_dataclasses import replace

    return replace(container, name=name)
