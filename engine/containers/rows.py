"""Container records in the state database: reading them, and the few ways in which a row changes.

Every change is a function of an open transaction, so that a verb puts the row and its event into one.
"""

from __future__ import annotations

import json
import sqlite3
from functools import cache, lru_cache
from typing import Any

from engine.containers.record import Container, Definition, NetworkState, State
from engine.errors import AmbiguousId, NameInUse, NoSuchContainer
from engine.state.codec import decode, encode, from_plain
from engine.state.database import Database, Transaction

VISIBLE = "intent != 'create'"  # a container that is being made is nobody's business yet


@cache
def boot_id() -> str:
    """Return the kernel's id of this boot: a pid means something only together with it."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


@lru_cache(maxsize=2048)
def _definition(text: str) -> Definition:
    """Decode a definition; frozen and seldom changed, so one that was seen is not decoded again for each list."""
    return decode(Definition, text)


def from_row(row: sqlite3.Row) -> Container:
    """Make the record of one row of the table containers."""
    state = State(
        status=row["status"],
        pid=row["pid"],
        monitor_pid=row["monitor_pid"],
        exit_code=row["exit_code"],
        error=row["error"],
        oom_killed=bool(row["oom_killed"]),
        started=row["started"],
        finished=row["finished"],
        restart_count=row["restart_count"],
        run=row["run"],
        intent=row["intent"],
        boot_id=row["boot_id"],
        keep=bool(row["keep"]),
        stop_requested=bool(row["stop_requested"]),
        manual_stop=bool(row["manual_stop"]),
        backoff=row["backoff"],
        health=row["health"],
        health_streak=row["health_streak"],
    )
    return Container(
        id=row["id"],
        name=row["name"],
        created=row["created"],
        image_id=row["image_id"],
        definition=_definition(row["definition"]),
        state=state,
        network=from_plain(NetworkState, json.loads(row["network"])),
    )


def find_id(database: Database, name: str) -> str:
    """Return the id of the container with this id, name or unambiguous id prefix.

    A leading slash is dropped; a full id wins over a name, a name over a prefix, as in dockerd.
    Raises NoSuchContainer, AmbiguousId.
    """
    wanted = name.removeprefix("/")
    row = database.row(
        f"SELECT id FROM containers WHERE (id = ?1 OR name = ?1) AND {VISIBLE} ORDER BY id = ?1 DESC", (wanted,)
    )
    if row is not None:
        return str(row["id"])
    if wanted and all(character in "0123456789abcdef" for character in wanted):
        rows = database.rows(f"SELECT id FROM containers WHERE id GLOB ? AND {VISIBLE} LIMIT 2", (wanted + "*",))
        if len(rows) > 1:
            raise AmbiguousId(wanted)
        if rows:
            return str(rows[0]["id"])
    parent, slash, alias = wanted.partition("/")
    if slash and (child := _linked(database, parent, alias)):
        return child
    raise NoSuchContainer(name)


def _linked(database: Database, parent: str, alias: str) -> str:
    """Return the id of the container that another one's link calls this, "" for none."""
    row = database.row(f"SELECT definition FROM containers WHERE name = ? AND {VISIBLE}", (parent,))
    links = decode(Definition, row["definition"]).host.links if row is not None else None
    found = next((link for link in links or () if link.partition(":")[2] == alias), "")
    child = found.partition(":")[0]
    there = child and database.row(f"SELECT id FROM containers WHERE id = ? AND {VISIBLE}", (child,))
    return child if there else ""


def get(database: Database, container_id: str) -> Container:
    """Return the record of the container with this full id; raises NoSuchContainer."""
    row = database.row("SELECT * FROM containers WHERE id = ?", (container_id,))
    if row is None:
        raise NoSuchContainer(container_id)
    return from_row(row)


def all_containers(database: Database, *, up: bool = False) -> list[Container]:
    """Return every container, or only those that are up, newest first."""
    wanted = f"{VISIBLE} AND status IN ('running', 'paused', 'restarting')" if up else VISIBLE
    found = database.rows(f"SELECT * FROM containers WHERE {wanted} ORDER BY created DESC, rowid DESC")
    return [from_row(row) for row in found]


def insert(tx: Transaction, container: Container) -> None:
    """Add a container; raises NameInUse."""
    owner = tx.execute("SELECT id FROM containers WHERE name = ?", (container.name,)).fetchone()
    if owner is not None:
        raise NameInUse(container.name, owner["id"])
    tx.execute(
        "INSERT INTO containers (id, name, created, image_id, definition, status, intent) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            container.id,
            container.name,
            container.created,
            container.image_id,
            encode(container.definition),
            container.state.status,
            container.state.intent,
        ),
    )


def change(tx: Transaction, container_id: str, **columns: Any) -> None:
    """Set columns of one container's row."""
    names = ", ".join(f"{name} = :{name}" for name in columns)
    tx.execute(f"UPDATE containers SET {names} WHERE id = :container_id", {**columns, "container_id": container_id})


def redefine(tx: Transaction, container_id: str, definition: Definition) -> None:
    """Give a container another definition."""
    change(tx, container_id, definition=encode(definition))


def event(tx: Transaction, container: Container, action: str, **attributes: str) -> None:
    """Record a container's event, with the attributes that every one carries: labels, image and name."""
    labels = container.config.labels or {}
    tx.event(
        "container",
        action,
        container.id,
        {**labels, **attributes, "image": container.config.image, "name": container.name},
    )
