"""Containers and exec sessions: the verbs, each in a module of its own that is imported when it is first called.

A verb that changes a container holds its lock (engine.locks) and puts state, event and exit code into one
transaction. Sync verbs are to be called off the event loop (engine.off_loop); what waits or streams is async.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Sequence

    from engine import Engine
    from engine.containers.archive import PathStat
    from engine.containers.attach import Attachment, AttachOptions
    from engine.containers.changes import Change
    from engine.containers.commit import CommitRequest
    from engine.containers.config import EndpointRequest, HostConfig
    from engine.containers.create import Created, CreateRequest
    from engine.containers.execs import ExecConfig, ExecSession
    from engine.containers.listing import ListQuery
    from engine.containers.logs import Log, LogOptions
    from engine.containers.prune import Pruned
    from engine.containers.record import Container
    from engine.containers.top import ProcessTable
    from engine.containers.wait import Waiter
    from engine.runtime.usage import Usage
    from engine.storage.source import Readable


class Containers:
    """The containers of one engine. Names are names, ids or unambiguous id prefixes; NoSuchContainer for others."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, request: CreateRequest) -> Created:
        """Make a container; see engine.containers.create."""
        from engine.containers.create import create

        return create(self._engine, request)

    def get(self, name: str) -> Container:
        """Return one container's record, with the ids of its running exec sessions and its last probes."""

        from engine.containers import rows
        from engine.containers.execs import exec_ids
        from engine.containers.health import probes
        from engine.lean_dataclasses import replace

        database = self._engine.database
        container = rows.find(database, name)
        return replace(
            container,
            exec_ids=exec_ids(self._engine, container.id),
            probes=probes(database, container.id) if container.state.health else [],
        )

    def current(self, name: str) -> Container:
        """Return what get does, once its end is recorded where it has ended; not for the loop, but in a hurry."""
        container = self.get(name)
        return self.get(name) if self._record_ends((container,)) else container

    def _record_ends(self, containers: Iterable[Container]) -> bool:
        """Record the ends that nobody has recorded yet; returns whether there were any, so that the records are old."""
        folder = os.fspath(self._engine.settings.run_containers)
        # Of one that a verb is at work on the verb knows what to do.
        alive = (each.id for each in containers if each.state.alive and not each.state.intent)
        if ended := [each for each in alive if os.path.exists(f"{folder}/{each}/exit")]:
            from engine.containers.ends import record_ends

            record_ends(self._engine, ended)
        return bool(ended)

    def sizes(self, container: Container) -> tuple[int, int]:
        """Return the bytes that a container wrote itself and those of its whole root."""
        from engine.containers import skeleton

        store = self._engine.store
        written, whole = store.sizes(container.id)
        return written - skeleton.size(store.folders(container.id)[0]), whole

    def graph(self, container: Container) -> dict[str, str]:
        """Return where a container's layers lie."""
        return self._engine.store.graph(container.id)

    def start(self, name: str) -> None:
        """Start a container; see engine.containers.start."""
        from engine.containers.start import start

        start(self._engine, name)

    def stop(self, name: str, *, signal: str = "", timeout: int | None = None) -> None:
        """End a container's process; see engine.containers.stop."""
        from engine.containers.stop import stop

        stop(self._engine, name, signal=signal, timeout=timeout)

    def restart(self, name: str, *, signal: str = "", timeout: int | None = None) -> None:
        """Stop and start a container."""
        from engine.containers.stop import restart

        restart(self._engine, name, signal=signal, timeout=timeout)

    def kill(self, name: str, signal: str = "") -> None:
        """Send a signal to a container's first process."""
        from engine.containers.stop import kill

        kill(self._engine, name, signal)

    def pause(self, name: str) -> None:
        """Freeze a container."""
        from engine.containers.stop import pause

        pause(self._engine, name)

    def unpause(self, name: str) -> None:
        """Let a frozen container go on."""
        from engine.containers.stop import unpause

        unpause(self._engine, name)

    def remove(self, name: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove a container; see engine.containers.remove."""
        from engine.containers.remove import remove

        remove(self._engine, name, force=force, volumes=volumes)

    def links(self, container: Container) -> list[tuple[str, str]]:
        """Return (the other container's name, alias) of each of a container's links."""
        from engine.containers.links import told

        return told(self._engine, container)

    def link_names(self) -> dict[str, list[str]]:
        """Return the names, "parent/alias", that links give containers, by their ids."""
        from engine.containers.links import names
        from engine.containers.rows import all_containers

        found = self._engine.database.rows("SELECT 1 FROM containers WHERE instr(definition, '\"links\":[') LIMIT 1")
        return names(all_containers(self._engine.database)) if found else {}

    def remove_link(self, name: str) -> None:
        """Take a link away; see engine.containers.links."""
        from engine.containers.links import remove

        remove(self._engine, name)

    def prune(self, filters: dict[str, list[str]]) -> Pruned:
        """Remove the containers that do not run; see engine.containers.prune."""
        from engine.containers.prune import prune

        return prune(self._engine, filters)

    def connect(self, network: str, name: str, wants: EndpointRequest) -> None:
        """Put a container into a network; see engine.containers.networks."""
        from engine.containers.networks import connect

        connect(self._engine, network, name, wants)

    def disconnect(self, network: str, name: str, *, force: bool = False) -> None:
        """Take a container out of a network; see engine.containers.networks."""
        from engine.containers.networks import disconnect

        disconnect(self._engine, network, name, force=force)

    def rename(self, name: str, new_name: str) -> None:
        """Give a container another name."""
        from engine.containers.remove import rename

        rename(self._engine, name, new_name)

    def update(self, name: str, wanted: HostConfig) -> list[str]:
        """Change a container's limits and restart policy; see engine.containers.update."""
        from engine.containers.update import update

        return update(self._engine, name, wanted)

    def usage(self, container: Container) -> Usage:
        """Return what a container uses now; see engine.containers.stats."""
        from engine.containers.stats import sample

        return sample(container)

    def stats(self, name: str) -> AsyncGenerator[tuple[Container, Usage], None]:
        """Give what a container uses every second; see engine.containers.stats."""
        from engine.containers.stats import stats

        return stats(self._engine, name)

    def top(self, name: str, arguments: str = "") -> ProcessTable:
        """Return a running container's processes; see engine.containers.top."""
        from engine.containers.top import top

        return top(self._engine, name, arguments)

    def changes(self, name: str) -> list[Change]:
        """Return what of a container's files differs from its image's; see engine.containers.changes."""
        from engine.containers.changes import changes

        return changes(self._engine, name)

    def export(self, name: str) -> Iterator[bytes]:
        """Give a tar archive of a container's files; see engine.containers.export."""
        from engine.containers.export import export

        return export(self._engine, name)

    def commit(self, request: CommitRequest) -> str:
        """Make an image of a container; see engine.containers.commit."""
        from engine.containers.commit import commit

        return commit(self._engine, request)

    def stat_path(self, name: str, path: str) -> PathStat:
        """Tell what a path of a container is; see engine.containers.archive."""
        from engine.containers.archive import stat_path

        return stat_path(self._engine, name, path)

    def archive_path(self, name: str, path: str) -> Iterator[PathStat | bytes]:
        """Give what a path of a container is, then a tar archive of it; see engine.containers.archive."""
        from engine.containers.archive import archive_path

        return archive_path(self._engine, name, path)

    def extract_to(
        self, name: str, path: str, stream: Readable, *, keep_kinds: bool = False, own_user: bool = False
    ) -> None:
        """Unpack an archive into a folder of a container; see engine.containers.archive."""
        from engine.containers.archive import extract_to

        extract_to(self._engine, name, path, stream, keep_kinds=keep_kinds, own_user=own_user)

    def resize(self, name: str, height: int, width: int) -> None:
        """Set the size of a running container's terminal. Raises NoSuchContainer, NotRunning, BetweenRuns."""
        from engine.containers import folders, rows
        from engine.containers.record import RESTARTING
        from engine.containers.stop import BetweenRuns, NotRunning
        from engine.runtime import monitor

        container = rows.find(self._engine.database, name)
        try:
            monitor.resize(folders.run(self._engine.settings, container.id), height, width)
        except OSError as error:
            if rows.get(self._engine.database, container.id).state.status == RESTARTING:
                raise BetweenRuns(container.id) from error
            raise NotRunning(container.id) from error
        with self._engine.database.telling() as tx:
            rows.event(tx, container, "resize", height=str(height), width=str(width))

    async def wait(self, name: str, condition: str = "not-running") -> Waiter:
        """Register a wait for a container's end; see engine.containers.wait."""
        from engine.containers.wait import wait

        return await wait(self._engine, name, condition)

    async def attach(self, name: str, options: AttachOptions) -> Attachment:
        """Connect to a container's stdio; see engine.containers.attach."""
        from engine.containers.attach import attach

        return await attach(self._engine, name, options)

    async def logs(self, name: str, options: LogOptions) -> Log:
        """Return a container's log; see engine.containers.logs."""
        from engine.containers.logs import logs

        return await logs(self._engine, name, options)

    def exec_create(self, name: str, config: ExecConfig) -> str:
        """Prepare an exec session; see engine.containers.execs."""
        from engine.containers.execs import exec_create

        return exec_create(self._engine, name, config)

    def exec_get(self, exec_id: str) -> ExecSession:
        """Return an exec session. Raises NoSuchExec."""
        from engine.containers.execs import exec_get

        return exec_get(self._engine, exec_id)

    async def exec_start(
        self,
        exec_id: str,
        *,
        detach: bool = False,
        tty: bool | None = None,
        console_size: list[int] | None = None,
    ) -> Attachment | None:
        """Run an exec session; see engine.containers.execs."""
        from engine.containers.execs import exec_start

        return await exec_start(self._engine, exec_id, detach=detach, tty=tty, console_size=console_size)

    def exec_ready(self, exec_id: str) -> ExecSession:
        """Return an exec session that could be started now; see engine.containers.execs."""
        from engine.containers.execs import exec_ready

        return exec_ready(self._engine, exec_id)

    async def exec_resize(self, exec_id: str, height: int, width: int) -> None:
        """Set the size of an exec session's terminal."""
        from engine.containers.execs import exec_resize

        await exec_resize(self._engine, exec_id, height, width)

    def list(self, query: ListQuery, resolve_image: Callable[[str], Collection[str]] | None = None) -> list[Container]:
        """Return the containers that a query names, newest first, their ends being recorded. Raises InvalidFilter."""
        from engine.containers.listing import select
        from engine.containers.rows import all_containers

        up = not query.all and query.limit <= 0 and not query.filters.keys() & {"status", "before", "since", "id"}
        found = all_containers(self._engine.database, up=up)
        if self._record_ends(found):
            found = all_containers(self._engine.database, up=up)
        return select(found, query, resolve_image or self._image_ids)

    def restore(self) -> Sequence[str]:
        """Bring back what dockerd would after a boot; see engine.containers.restore."""
        from engine.containers.restore import restore

        return restore(self._engine)

    def shutdown(self) -> Sequence[str]:
        """Stop all containers because the machine goes down; see engine.containers.restore."""
        from engine.containers.restore import shutdown

        return shutdown(self._engine)

    def reconcile(self) -> bool:
        """Mend what killed processes left, and tell whether that is all; see engine.containers.reconcile."""
        from engine.containers.reconcile import reconcile

        return reconcile(self._engine)

    def doubtful(self) -> Sequence[str]:
        """Return, in words, what reconcile would mend."""
        from engine.containers.reconcile import doubtful

        return doubtful(self._engine)

    def _image_ids(self, reference: str) -> Sequence[str]:
        from engine.errors import InvalidReference, NotFound

        try:
            return [self._engine.images.resolve(reference).id]
        except (InvalidReference, NotFound):
            return []
