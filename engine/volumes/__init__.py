"""Local volumes: folders that outlive containers, and who uses them.

A volume is a row of the state database (tables volumes and volume_uses) and a folder
Settings.volumes/<name>/_data. The row counts: a folder without one is a leftover, which the next volume of that
name or the next removal clears; a row without a folder gets a new empty one when it is next used.
Used by the container verbs and by the volume endpoints.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from engine.containers.config import MountPoint
from engine.errors import NoSuchVolume
from engine.lean_dataclasses import dataclass
from engine.state.codec import decode, encode
from engine.volumes.names import (
    ANONYMOUS_LABEL,
    LOCAL,
    VolumeFolderFailed,
    VolumeInUse,
    check_driver,
    check_name,
    new_name,
)
from engine.volumes.options import check_options

if TYPE_CHECKING:
    import sqlite3

    from engine import Engine
    from engine.state.database import Transaction
    from engine.volumes.prune import Pruned

DATA = "_data"
_REMOVED = ".removed-"  # begins the name of a folder whose volume is gone; no volume's name begins with a dot


@dataclass(frozen=True, slots=True)
class VolumeDefinition:
    """What a volume was made with; stored as JSON (engine.state.codec)."""

    driver: str = LOCAL
    labels: dict[str, str] | None = None  # {} where somebody said that there are none, which is shown
    options: dict[str, str] | None = None
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume; created is nanoseconds since 1970, path the folder with its content."""

    name: str
    created: int
    definition: VolumeDefinition
    path: Path

    @property
    def driver(self) -> str:
        """The driver's name, always local."""
        return self.definition.driver


class Volumes:
    """The volumes of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._database = engine.database
        self._folder = engine.settings.volumes
        self._locks = engine.settings.locks

    def create(
        self,
        name: str | None = None,
        *,
        driver: str = "",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
        transaction: Transaction | None = None,
    ) -> Volume:
        """Return the volume of this name, made if it is not there; without a name, always a new anonymous one.

        With a transaction the volume comes true with it, and its folder by make_folders afterwards. Raises
        InvalidVolumeName, NoSuchVolumeDriver, InvalidVolumeOption.
        """
        anonymous = name is None
        if name is None:
            name, labels = new_name(), {**(labels or {}), ANONYMOUS_LABEL: ""}
        check_driver(name, driver)
        if not anonymous:
            if found := self._find(name):
                return found
            check_name(name)
        check_options(name, options or {})
        definition = VolumeDefinition(LOCAL, _copied(labels), _copied(options), anonymous)
        try:
            if transaction is not None:
                return self._insert(transaction, name, definition)
            with self._database.transaction() as own:
                made = self._insert(own, name, definition)
                self._make_folder(name)
        except OSError as error:
            raise VolumeFolderFailed(name, self._folder / name, error) from error
        return made

    def _insert(self, transaction: Transaction, name: str, definition: VolumeDefinition) -> Volume:
        """Write a volume's row, unless another process has just done so; what a killed one left makes room."""
        if found := self._find(name):
            return found
        made = Volume(name, time.time_ns(), definition, self._path(name))
        self._set_aside(name)
        transaction.execute("INSERT INTO volumes VALUES (?, ?, ?)", (name, made.created, encode(definition)))
        transaction.event("volume", "create", name, {"driver": LOCAL})
        return made

    def get(self, name: str) -> Volume:
        """Return one volume. Raises NoSuchVolume."""
        found = self._find(name)
        if found is None:
            raise NoSuchVolume(name)
        return found

    def select(self, filters: dict[str, list[str]]) -> Sequence[Volume]:
        """Return the volumes that filters name. Raises InvalidFilter."""
        from engine.volumes.listing import select

        used = {row[0] for row in self._database.rows("SELECT DISTINCT volume FROM volume_uses")}
        return select(self.list(), used, filters)

    def users(self, name: str) -> Sequence[str]:
        """Return the ids of the containers that have the volume, running or not."""
        rows = self._database.rows(
            "SELECT container_id FROM volume_uses WHERE volume = ? ORDER BY container_id", (name,)
        )
        return [row[0] for row in rows]

    def remove(self, name: str, *, force: bool = False) -> None:
        """Remove a volume and its content; force makes nothing of one that is not there.

        Raises NoSuchVolume, VolumeInUse.
        """
        with self._database.transaction() as transaction:
            found = self._find(name)
            if found is None:
                if force:
                    return
                raise NoSuchVolume(name)
            if users := self.users(name):
                raise VolumeInUse(name, list(users))
            self._delete(transaction, found)
        self.clear_removed()

    def prune(self, filters: dict[str, list[str]], *, named: bool = False) -> Pruned:
        """Remove the volumes that no container has; see engine.volumes.prune."""
        from engine.volumes.prune import prune

        return prune(self, filters, named=named)

    def tell_pruned(self, size: int) -> None:
        """Tell that volumes were pruned, and how many bytes there were in them."""
        with self._database.transaction() as transaction:
            transaction.event("volume", "prune", "", {"reclaimed": str(size)})

    def forget_anonymous(self, transaction: Transaction, points: Iterable[MountPoint]) -> None:
        """Remove the volumes that were made for one container alone, in the transaction that deletes its row.

        Those that another container has stay. clear_removed is due after the commit.
        """
        for name in {point.name for point in points if point.type == "volume" and point.anonymous}:
            found = self._find(name)
            if found is not None and not self.users(name):
                self._delete(transaction, found)

    def clear_removed(self) -> None:
        """Delete the content of removed volumes: what was set aside just now, and what killed processes left."""
        with suppress(FileNotFoundError):
            for entry in os.scandir(self._folder):
                if entry.name.startswith(_REMOVED):
                    from shutil import rmtree

                    with suppress(FileNotFoundError):  # another process clears, too
                        rmtree(entry.path)

    def _delete(self, transaction: Transaction, volume: Volume) -> None:
        if volume.definition.options:
            from engine.volumes.local_mount import unmount

            unmount(volume.path)
        self._set_aside(volume.name)
        transaction.execute("DELETE FROM volumes WHERE name = ?", (volume.name,))
        transaction.event("volume", "destroy", volume.name, {"driver": volume.driver})

    def use(self, transaction: Transaction, container_id: str, points: Iterable[MountPoint]) -> None:
        """Note that a container has these volumes, until its row goes. Raises NoSuchVolume when one has just gone."""
        for name in {point.name for point in points if point.type == "volume"}:
            if self._find(name) is None:
                raise NoSuchVolume(name)
            transaction.execute("INSERT OR IGNORE INTO volume_uses VALUES (?, ?)", (name, container_id))

    def make_folders(self, points: Iterable[MountPoint]) -> None:
        """Make the folders of volumes that have none yet."""
        for point in points:
            if point.type == "volume":
                self._make_folder(point.name)

    def make_ready(self, points: Iterable[MountPoint]) -> None:
        """See to it that each volume's folder is there, and mounted where its options say so, before a start.

        Raises NoSuchVolume, VolumeNotMounted.
        """
        for point in points:
            if point.type == "volume":
                volume = self.get(point.name)
                self._make_folder(volume.name)
                if volume.definition.options:
                    from engine.locks import locked
                    from engine.volumes.local_mount import mount

                    with locked(self._locks, f"volume/{volume.name}"):
                        mount(volume.path, volume.definition.options)

    def settle(self, points: Iterable[MountPoint]) -> None:
        """Unmount the volumes with options that no living container uses, once a container's end is recorded."""
        for point in points:
            if point.type != "volume":
                continue
            volume = self._find(point.name)
            if volume is not None and volume.definition.options:
                from engine.locks import locked
                from engine.volumes.local_mount import unmount

                with locked(self._locks, f"volume/{volume.name}"):
                    if not self._alive_users(volume.name):
                        unmount(volume.path)

    def mount_events(self, transaction: Transaction, container_id: str, points: Iterable[MountPoint]) -> None:
        """Tell that a container's volumes were mounted, as its start does."""
        for point in points:
            if point.type == "volume":
                attributes = {
                    "container": container_id,
                    "destination": point.destination,
                    "driver": point.driver,
                    "propagation": point.propagation,
                    "read/write": "true" if point.read_write else "false",
                }
                transaction.event("volume", "mount", point.name, attributes)

    def unmount_events(self, transaction: Transaction, container_id: str, points: Iterable[MountPoint]) -> None:
        """Tell that a container's volumes were unmounted, as its end does."""
        for point in points:
            if point.type == "volume":
                transaction.event("volume", "unmount", point.name, {"container": container_id, "driver": point.driver})

    def list(self) -> list[Volume]:
        """Return all volumes, by name."""
        return [self._volume(row) for row in self._database.rows("SELECT * FROM volumes ORDER BY name")]

    def _alive_users(self, name: str) -> bool:
        return (
            self._database.row(
                "SELECT 1 FROM volume_uses JOIN containers ON containers.id = container_id "
                "WHERE volume = ? AND status IN ('running', 'paused')",
                (name,),
            )
            is not None
        )

    def _find(self, name: str) -> Volume | None:
        row = self._database.row("SELECT * FROM volumes WHERE name = ?", (name,))
        return None if row is None else self._volume(row)

    def _volume(self, row: sqlite3.Row) -> Volume:
        return Volume(row["name"], row["created"], decode(VolumeDefinition, row["definition"]), self._path(row["name"]))

    def _path(self, name: str) -> Path:
        return self._folder / name / DATA

    def _make_folder(self, name: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o701)
        for path, mode in ((self._folder / name, 0o701), (self._path(name), 0o755)):
            with suppress(FileExistsError):
                path.mkdir()
                path.chmod(mode)

    def _set_aside(self, name: str) -> None:
        """Give a volume's folder, if there is one, a name that no volume has, so that the name is free at once."""
        doomed = self._folder / f"{_REMOVED}{os.urandom(8).hex()}"  # a name may be as long as one can be
        with suppress(FileNotFoundError):
            (self._folder / name).rename(doomed)


def _copied(given: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if given is None else dict(given)
