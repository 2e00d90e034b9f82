"""Container records in the state database: reading them, and the few ways in which a row changes.

Every change is a function of an open transaction, so that a verb puts the row and its event into one.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from functools import cache
from typing import Any

from engine.containers.record import Container, Definition, NetworkState, State
from engine.errors import AmbiguousId, EmptyName, NameInUse, NoSuchContainer
from engine.hurry import about_to_do, is_hurried
from engine.kept import Kept
from engine.state.codec import decode, encode
from engine.state.database import Database, Transaction

VISIBLE = "intent != 'create'"  # a container that is being made is nobody's business yet


@cache
def boot_id() -> str:
    """Return the kernel's id of this boot: a pid means something only together with it."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


# What from_row takes: the record's own columns, then those of its state, by the names of its fields.
_STATE = tuple(field.name for field in dataclasses.fields(State))
_TRUTHS = tuple(number for number, field in enumerate(dataclasses.fields(State)) if field.type == "bool")
COLUMNS = "id, name, created, image_id, definition, network, " + ", ".join(_STATE)
_DEFINITION = 4


_kept: Kept[Container] = Kept(2048)


def from_row(row: sqlite3.Row) -> Container:
    """Return the record of a row of the table containers, which has COLUMNS; the same one while nothing changes."""
    values = tuple(row)
    known = _kept.last(values[0])
    if known is not None and known[0] == values:
        return known[1]
    container_id, name, created, image_id, definition, network, *state = values
    for number in _TRUTHS:
        state[number] = bool(state[number])
    same = known is not None and known[0][_DEFINITION] == definition  # which seldom changes, and takes long to decode
    decoded = known[1].definition if known is not None and same else decode(Definition, definition)
    made = Container(container_id, name, created, image_id, decoded, State(*state), decode(NetworkState, network))
    _kept.put(container_id, values, made)
    return made


def find_id(database: Database, name: str) -> str:
    """Return the id of the container with this id, name or unambiguous id prefix.

    A leading slash is dropped; a full id wins over a name, a name over a prefix, as in dockerd.
    Raises NoSuchContainer, AmbiguousId, EmptyName.
    """
    return str(_found(database, name, "id")["id"])


def find(database: Database, name: str) -> Container:
    """Return the record of the container that find_id finds; raises what that raises."""
    return from_row(_found(database, name, COLUMNS))


def _found(database: Database, name: str, columns: str) -> sqlite3.Row:
    if not name:
        raise EmptyName
    wanted = name.removeprefix("/")
    of_visible = f"SELECT {columns} FROM containers WHERE {VISIBLE} AND"
    row = database.row(f"{of_visible} (id = ?1 OR name = ?1) ORDER BY id = ?1 DESC", (wanted,))
    if row is not None:
        return row
    if wanted and all(character in "0123456789abcdef" for character in wanted):
        rows = database.rows(f"{of_visible} id GLOB ? LIMIT 2", (wanted + "*",))
        if len(rows) > 1:
            raise AmbiguousId(wanted)
        if rows:
            return rows[0]
    parent, slash, alias = wanted.partition("/")
    if slash and (child := _linked(database, parent, alias)):
        row = database.row(f"{of_visible} id = ?", (child,))
        if row is not None:
            return row
    raise NoSuchContainer(name)


def _linked(database: Database, parent: str, alias: str) -> str:
    """Return the id of the container that another one's link calls this, "" for none."""
    row = database.row(f"SELECT definition FROM containers WHERE name = ? AND {VISIBLE}", (parent,))
    links = decode(Definition, row["definition"]).host.links if row is not None else None
    found = next((link for link in links or () if link.partition(":")[2] == alias), "")
    return found.partition(":")[0]


def get(database: Database, container_id: str) -> Container:
    """Return the record of the container with this full id; raises NoSuchContainer."""
    row = database.row(f"SELECT {COLUMNS} FROM containers WHERE id = ?", (container_id,))
    if row is None:
        raise NoSuchContainer(container_id)
    return from_row(row)


def all_containers(database: Database, *, up: bool = False) -> list[Container]:
    """Return every container, or only those that are up, newest first."""
    wanted = f"{VISIBLE} AND status IN ('running', 'paused', 'restarting')" if up else VISIBLE
    if is_hurried():
        about_to_do(database.rows(f"SELECT count(*) FROM containers WHERE {wanted}")[0][0])
    found = database.rows(f"SELECT {COLUMNS} FROM containers WHERE {wanted} ORDER BY created DESC, rowid DESC")
    return [from_row(row) for row in found]


def insert(tx: Transaction, container: Container) -> None:
    """Add a container; raises NameInUse."""
    owner = tx.execute("SELECT id FROM containers WHERE name = ?", (container.name,)).fetchone()
    if owner is not None:
        raise NameInUse(container.name, owner["id"])
    tx.execute(
        "INSERT INTO containers (id, name, created, image_id, definition, network, status, intent) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            container.id,
            container.name,
            container.created,
            container.image_id,
            encode(container.definition),
            encode(container.network),
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
