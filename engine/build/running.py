"""Running the command of a RUN, in a container like any other, and taking what it wrote as a layer.

The container is in the state database with a row in build_containers beside it, so that what a killed build leaves is
removed by whoever looks next (engine.build.recover). No client attaches: the builder itself reads the monitor's
socket, and records the end.
"""

from __future__ import annotations

import logging
import os
import select
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from engine import locks, syscalls
from engine.build.cancelling import Cancellation
from engine.build.errors import BuildCancelled
from engine.build.stubs import made_for_mounts
from engine.containers import folders, root_mount, rows
from engine.containers.attach import MESSAGE_BYTES, connect
from engine.containers.create import CreateRequest, create
from engine.containers.settle import LOST, demolish, finish
from engine.containers.start import start_locked
from engine.containers.stop import kill
from engine.errors import EngineError, NoSuchContainer
from engine.lean_dataclasses import dataclass, replace
from engine.runtime import monitor
from engine.state.codec import encode

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.config import ContainerConfig, HostConfig
    from engine.containers.record import Container
    from engine.images.record import Image
    from engine.storage.layers import StagedLayer

log = logging.getLogger(__name__)
_TOLD = 32 * 1024  # bytes of output in one piece
Tell = Callable[[str, bool], None]  # a piece of output, and whether it is stderr's


@dataclass(frozen=True, slots=True)
class Keeping:
    """What becomes of a step's container when it has ended."""

    success: bool = False  # it stays
    failure: bool = True


class Step:
    """One container of a build: made, run, and made a layer of."""

    def __init__(self, engine: Engine, build: str, keep: Keeping) -> None:
        self._engine = engine
        self._build = build
        self._keep = keep
        self.id = ""
        self.warnings: list[str] = []

    def make(self, image: Image, config: ContainerConfig, host: HostConfig) -> str:
        """Make the container; returns its id. Raises what engine.containers.create does."""
        host = replace(host, auto_remove=not self._keep.success)
        try:
            made = create(self._engine, CreateRequest(config=config, host=host, build=self._build), image)
        except BaseException:
            with self._engine.database.transaction() as tx:  # of what was begun and undone
                tx.execute(
                    "DELETE FROM build_containers WHERE build = ? AND container_id NOT IN (SELECT id FROM containers)",
                    (self._build,),
                )
            raise
        self.id, self.warnings = made.id, made.warnings
        return made.id

    def run(self, tell: Tell, cancellation: Cancellation) -> int:
        """Run the command to its end; returns its exit code. Raises BuildCancelled, and what a start does."""
        engine = self._engine
        run_folder = folders.run(engine.settings, self.id)
        watch = syscalls.inotify_init1()
        opened: list[socket.socket] = []

        def attend() -> None:
            with engine.database.transaction() as tx:
                rows.change(tx, self.id, keep=1)  # whoever else sees its end leaves it to us
            connection = connect(run_folder)
            opened.append(connection)

        try:
            syscalls.inotify_add_watch(watch, run_folder, syscalls.IN_MOVED_TO | syscalls.IN_CLOSE_WRITE)
            with locks.locked(engine.settings.locks, folders.lock_name(self.id)):
                start_locked(engine, rows.get(engine.database, self.id), attend=attend)
            return self._attend(opened[0], watch, run_folder, tell, cancellation)
        finally:
            for connection in opened:
                connection.close()
            syscalls.inotify_close(watch)

    def take(self, parent: str | None, stage: Path, targets: Iterable[str], epoch: int | None) -> StagedLayer:
        """Take what an ended container wrote as a layer over parent, and let it go unless it is to stay.

        targets are the places in it that the step's own mounts were on. Raises OSError.
        """
        engine = self._engine
        with locks.locked(engine.settings.locks, folders.lock_name(self.id)):
            root_mount.unmount(engine, self.id)
            diff = engine.store.folders(self.id)[0]
            if self._keep.success:
                return self._copied(diff, stage)
            with engine.store.tree(parent, stage / f"below-{self.id}") as below:
                leave = made_for_mounts(diff, below, targets)
            place = stage / self.id
            place.mkdir(mode=0o700)
            os.rename(diff, place / "diff")
            staged = engine.store.adopt(place / "diff", place / "split", leave, epoch)
            self._end(0)
        return staged

    def fail(self, code: int) -> None:
        """Record an end that makes no layer, and let the container go unless it is to stay."""
        with locks.locked(self._engine.settings.locks, folders.lock_name(self.id)):
            if self._keep.failure:
                self._stay()
            self._end(code)

    def leave(self) -> None:
        """Let a container that could not be started stay to be looked at."""
        with locks.locked(self._engine.settings.locks, folders.lock_name(self.id)):
            self._stay()
        self._forget()

    def drop(self) -> None:
        """Remove the container, whatever it is doing; one that has gone is no error."""
        if not self.id:
            return
        engine = self._engine
        try:
            container = rows.get(engine.database, self.id)
            if container.state.alive:
                kill(engine, self.id)
        except NoSuchContainer:
            self._forget()
            return
        except EngineError as error:
            log.info("Container %s: cannot kill it: %s", self.id, error)
        with locks.locked(engine.settings.locks, folders.lock_name(self.id)):
            try:
                demolish(engine, rows.get(engine.database, self.id), volumes=True)
            except NoSuchContainer:
                pass
        self._forget()

    def _attend(
        self, connection: socket.socket, watch: int, run_folder: Path, tell: Tell, cancellation: Cancellation
    ) -> int:
        """Pass output on until the process has ended and all of it was told."""
        poll = select.poll()
        for fd in (connection.fileno(), watch, cancellation.fileno()):
            poll.register(fd, select.POLLIN)
        reading = True
        guard = self._guard(poll, run_folder)
        try:
            while True:
                if not reading and (code := monitor.exit_code(run_folder)) is not None:
                    return code
                if not reading and guard >= 0 and not monitor.alive(run_folder):
                    code = monitor.exit_code(run_folder)
                    return LOST if code is None else code
                for fd, _ in poll.poll():
                    if fd == cancellation.fileno():
                        raise BuildCancelled
                    if fd == connection.fileno() and reading and not self._pass_on(connection, tell):
                        reading = False
                        poll.unregister(connection.fileno())
                    elif fd == watch:
                        os.read(watch, 65536)
                    elif fd == guard:
                        poll.unregister(guard)
        finally:
            if guard >= 0:
                os.close(guard)

    def _guard(self, poll: select.poll, run_folder: Path) -> int:
        """Watch the monitor itself, too: killed, it leaves no exit code."""
        try:
            guard = os.pidfd_open(monitor.monitor_pid(run_folder))
        except OSError:
            return -1
        poll.register(guard, select.POLLIN)
        return guard

    def _pass_on(self, connection: socket.socket, tell: Tell) -> bool:
        """Tell what has come, in pieces of one stream each; returns False at the end of all output."""
        pieces: list[bytes] = []
        stream, size, goes_on = 0, 0, False
        while size < _TOLD:
            try:
                message = connection.recv(MESSAGE_BYTES)
            except BlockingIOError:
                goes_on = True
                break
            except ConnectionError:
                break
            if not message:
                break
            if message[0] != stream and pieces:
                tell(b"".join(pieces).decode("utf-8", "replace"), stream == monitor.STDERR)
                pieces, size = [], 0
            stream = message[0]
            pieces.append(message[1:])
            size += len(message)
        else:
            goes_on = True
        if pieces:
            tell(b"".join(pieces).decode("utf-8", "replace"), stream == monitor.STDERR)
        return goes_on

    def _copied(self, diff: Path, stage: Path) -> StagedLayer:
        """Make a layer of a container's that stays: an archive of it is extracted again."""
        from engine.containers.commit import container_archive

        engine = self._engine
        container = rows.get(engine.database, self.id)
        staged = engine.store.extract_layer(container_archive(engine, container), stage / self.id)
        self._end(0)
        return staged

    def _stay(self) -> None:
        """Have a container stay that was to go with its end."""
        container = self._read()
        if container is not None and container.host.auto_remove:
            kept = replace(container.host, auto_remove=False)
            definition = replace(container.definition, host=kept)
            with self._engine.database.transaction() as tx:
                rows.change(tx, self.id, definition=encode(definition))

    def _end(self, code: int) -> None:
        """Record the container's end, unless somebody else did; its lock is held."""
        engine = self._engine
        container = self._read()
        if container is not None:
            container = replace(container, state=replace(container.state, keep=False))
            if container.state.alive:
                finish(engine, container, code)
            elif container.host.auto_remove:
                demolish(engine, container, volumes=True)
        self._forget()

    def _read(self) -> Container | None:
        try:
            return rows.get(self._engine.database, self.id)
        except NoSuchContainer:
            return None

    def _forget(self) -> None:
        with self._engine.database.transaction() as tx:
            tx.execute("DELETE FROM build_containers WHERE container_id = ?", (self.id,))
