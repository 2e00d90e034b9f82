"""Being connected to a container's stdio, through its monitor's attach socket.

A client may attach before the container starts, even in another process. It then registers: a file in the
run folder's `attachers/`, locked as long as the attacher lives. The start verb lets the container run only when
every registered attacher is connected (its lock is free), so no output is lost and a dead attacher holds up nobody.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import syscalls
from engine.containers import folders, rows
from engine.containers.detach_keys import DetachFilter, parse
from engine.errors import Conflict
from engine.lean_dataclasses import dataclass
from engine.off_loop import off_loop
from engine.runtime.monitor import MAX_STDIN_MESSAGE, STDERR

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.record import Container

MESSAGE_BYTES = 32768  # conmon sends 8 KiB and a stream byte; more costs nothing
BATCH_MESSAGES = 64


class ContainerPaused(Conflict):
    """The container is paused and the verb needs it to run."""

    def __init__(self, name: str, verb: str) -> None:
        super().__init__(f"container {name} is paused: cannot {verb}")
        self.name = name
        self.verb = verb


class ContainerRestarting(Conflict):
    """The container is between two runs."""

    def __init__(self, name: str, verb: str) -> None:
        super().__init__(f"container {name} is restarting: cannot {verb}")
        self.name = name
        self.verb = verb


@dataclass(frozen=True, slots=True)
class AttachOptions:
    """Which streams a client wants, and how it leaves; logs: what was written before, stream: what comes."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    logs: bool = False
    stream: bool = False
    detach_keys: str = ""


class Attachment:
    """A connection to the stdio of a container or an exec session.

    Iterate for (stream, data), stream being 1 for stdout and 2 for stderr; the iteration ends when the process
    has ended, or when the client left by its detach keys (`detached`).
    """

    def __init__(self, *, tty: bool, options: AttachOptions) -> None:
        self.tty = tty
        self.detached = False
        self.options = options
        self._ends_input = True
        self._socket: socket.socket | None = None
        self._connected = asyncio.Event()
        self._over = asyncio.Event()
        self._waiting: asyncio.Future[None] | None = None  # of the one who reads, for output
        self._filter = DetachFilter(parse(options.detach_keys)) if tty and options.stdin else None
        self._history: AsyncIterator[list[tuple[int, bytes]]] | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._ended: Callable[[], Awaitable[None]] | None = None
        self._release: Callable[[], None] | None = None
        self._on_detach: Callable[[], Awaitable[None]] | None = None

    # -- making the connection

    def connected(self, connection: socket.socket) -> None:
        """Take the monitor's socket into use."""
        self._socket = connection
        self._connected.set()

    def replay_first(self, history: AsyncIterator[list[tuple[int, bytes]]]) -> None:
        """Yield what was logged before what comes."""
        self._history = history

    def connect_later(self, connecting: asyncio.Task[None]) -> None:
        """Wait for a container that has not started; the task calls connected()."""
        self._connecting = connecting

    def at_end(self, ended: Callable[[], Awaitable[None]], release: Callable[[], None]) -> None:
        """Have ended() awaited after the last output and before the end is told, and release() when we leave."""
        self._ended = ended
        self._release = release

    def leave_input_open(self) -> None:
        """Let the process's input outlast this connection: another client's may be what it comes from."""
        self._ends_input = False

    def on_detach(self, told: Callable[[], Awaitable[None]]) -> None:
        """Have told() awaited when the client leaves by its detach keys."""
        self._on_detach = told

    # -- using it

    async def __aiter__(self) -> AsyncIterator[tuple[int, bytes]]:
        while batch := await self.read():
            for item in batch:
                yield item

    async def read(self) -> list[tuple[int, bytes]]:
        """Return the next pieces of output, at least one; an empty list at the end."""
        batch = await self._next()
        if not batch and self._ended is not None and not self._over.is_set():
            ended, self._ended = self._ended, None
            await ended()
        return batch

    async def _next(self) -> list[tuple[int, bytes]]:
        if self._history is not None:
            async for written in self._history:
                return written
            self._history = None
        if not await self._ready() or self._socket is None:
            return []
        while True:
            batch = self._take(self._socket)
            if batch is None:
                return []
            if batch:
                return batch
            if not await self._readable(self._socket):
                return []

    async def write(self, data: bytes) -> None:
        """Send input; returns when the monitor has taken it. Ignored when the process has ended."""
        if self._filter is not None:
            data, left = self._filter.feed(data)
            if left:
                await self._send(data)
                self.detached = True
                if self._on_detach is not None:
                    await self._on_detach()
                self._leave()
                return
        await self._send(data)

    async def close_stdin(self) -> None:
        """Tell the process that no more input comes; output goes on. A terminal's input stays open."""
        if not self.tty and await self._ready() and self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the monitor has gone; the reading side sees that

    async def close(self) -> None:
        """Leave; the process goes on."""
        self._leave()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self._socket is not None:
            if self._ends_input:
                self._socket.close()
            else:
                _Kept(self._socket)
            self._socket = None
        if self._release is not None:
            self._release()
            self._release = None

    def _leave(self) -> None:
        self._over.set()
        if self._waiting is not None:
            _resolve(self._waiting)

    async def _ready(self) -> bool:
        """Wait until there is a connection; False when we leave before."""
        if not self._connected.is_set():
            waits: list[asyncio.Future[Any]] = [
                asyncio.ensure_future(self._connected.wait()),
                asyncio.ensure_future(self._over.wait()),
            ]
            if self._connecting is not None:
                waits.append(asyncio.ensure_future(_settled(self._connecting)))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waits:
                    each.cancel()
        return self._connected.is_set() and not self._over.is_set()

    def _take(self, connection: socket.socket) -> list[tuple[int, bytes]] | None:
        """Read what is there without waiting; None at the end of output."""
        batch: list[tuple[int, bytes]] = []
        options = self.options
        while len(batch) < BATCH_MESSAGES:
            try:
                message = connection.recv(MESSAGE_BYTES)
            except BlockingIOError:
                return batch
            except ConnectionError:
                message = b""
            if not message:
                return batch or None
            if message[0] == STDERR:
                if options.stderr:
                    batch.append((2, message[1:]))
            elif options.stdout:
                batch.append((1, message[1:]))
        return batch

    async def _readable(self, connection: socket.socket) -> bool:
        """Wait for output; False when the client has left."""
        # Once for every few messages of a large output: so without a task, and the reader stays for no longer than
        # it is waited for, as what is not read would wake the loop again and again.
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        self._waiting = ready
        loop.add_reader(connection, _resolve, ready)
        try:
            if not self._over.is_set():
                await ready
        finally:
            self._waiting = None
            loop.remove_reader(connection)
        return not self._over.is_set()

    async def _send(self, data: bytes) -> None:
        if not data or not await self._ready() or self._socket is None:
            return
        loop = asyncio.get_running_loop()
        try:
            for at in range(0, len(data), MAX_STDIN_MESSAGE):
                await loop.sock_sendall(self._socket, data[at : at + MAX_STDIN_MESSAGE])
        except (ConnectionError, OSError):
            pass  # the process has ended; what it did not read is lost, as on a closed pipe


class _Kept:
    """A monitor's connection that nobody uses any more, kept for as long as the process lives.

    The monitor takes the end of any connection for the end of the process's input.
    """

    def __init__(self, connection: socket.socket) -> None:
        with suppress(OSError):  # it has ended
            connection.shutdown(socket.SHUT_RD)
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()  # the loop's own would wake for what is not read any more
        self._epoll.register(connection.fileno(), 0)  # a hangup is reported unasked
        self._loop.add_reader(self._epoll.fileno(), self._let_go)

    def _let_go(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        self._connection.close()


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _settled(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])


def connect(run_folder: Path) -> socket.socket:
    """Connect to the monitor of a run folder. Raises OSError while it does not listen."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        # A socket's path is short; the folder's may be long.
        folder = os.open(run_folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            connection.connect(f"/proc/self/fd/{folder}/attach")
        finally:
            os.close(folder)
    except BaseException:
        connection.close()
        raise
    return connection


class Registration:
    """A place in the queue of those for whom a start waits; gone when closed, or when this process dies."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self._path = folder / os.urandom(8).hex()
        # Locked before it is visible under its name, so that a start never finds it unlocked and alive.
        hidden = self._path.with_name("." + self._path.name)
        self._fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        os.rename(hidden, self._path)

    @property
    def stands(self) -> bool:
        """Whether nobody has struck us off."""
        return self._path.exists()

    def close(self) -> None:
        """Leave the queue."""
        if self._fd >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


def await_attachers(folder: Path) -> None:
    """Block until every registered attacher is connected or dead; called by the start verb."""
    if not folder.exists():
        return
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_SH)
        finally:
            os.close(fd)
        path.unlink(missing_ok=True)


def strike_off_attachers(folder: Path) -> None:
    """Tell those who wait for a start that none comes of it; called when it has failed."""
    if folder.exists():
        for path in folder.iterdir():
            path.unlink(missing_ok=True)


async def attach(engine: Engine, name: str, options: AttachOptions) -> Attachment:
    """Connect a client to a container; it may not have started yet.

    Raises NoSuchContainer, ContainerPaused, ContainerRestarting, InvalidDetachKeys.
    """
    container_id = await off_loop(rows.find_id, engine.database, name)
    container = await off_loop(rows.get, engine.database, container_id)
    _refuse(container, name)
    attachment = Attachment(tty=container.config.tty, options=options)
    if container.config.stdin_once and not (container.config.tty or options.stdin):
        attachment.leave_input_open()
    if options.logs:
        from engine.containers.logs import history, why_no_history

        if reason := why_no_history(container):
            attachment.replay_first(_saying(f"Error attaching: {reason}\n"))
            attachment.connect_later(asyncio.create_task(asyncio.sleep(0), name="attach: no history"))
            return attachment
        attachment.replay_first(history(engine, container, stdout=options.stdout, stderr=options.stderr))
    if options.stream:
        run_folder = folders.run(engine.settings, container_id)
        registration = await off_loop(Registration, folders.attachers(engine.settings, container_id))
        container = await off_loop(rows.get, engine.database, container_id)
        if container.state.alive and _try(run_folder, attachment):
            registration.close()
        else:
            connecting = _connect_on_start(run_folder, attachment, registration)
            attachment.connect_later(asyncio.create_task(connecting, name=f"attach {container_id}"))
    else:
        attachment.connect_later(asyncio.create_task(asyncio.sleep(0), name="attach: no stream"))
    await off_loop(_record, engine, container, "attach")
    attachment.on_detach(lambda: off_loop(_record, engine, container, "detach"))
    return attachment


async def _saying(words: str) -> AsyncIterator[list[tuple[int, bytes]]]:
    yield [(1, words.encode())]


def _refuse(container: Container, name: str) -> None:
    if container.state.status == "paused":
        raise ContainerPaused(name, "attach")
    if container.state.status == "restarting":
        raise ContainerRestarting(name, "attach")


def _record(engine: Engine, container: Container, action: str) -> None:
    with engine.database.telling() as tx:
        rows.event(tx, container, action)


def _try(run_folder: Path, attachment: Attachment) -> bool:
    try:
        attachment.connected(connect(run_folder))
    except OSError:
        return False
    return True


async def _connect_on_start(run_folder: Path, attachment: Attachment, registration: Registration) -> None:
    """Connect as soon as a monitor listens in the run folder, then leave the queue.

    Returns without a connection when somebody struck us off: the start failed, or the container is gone.
    """
    from engine.state.changes import FolderWatch

    try:
        mask = syscalls.IN_CREATE | syscalls.IN_MOVED_TO | syscalls.IN_DELETE
        async with FolderWatch(mask, run_folder, registration.folder) as watch:
            while registration.stands and not _try(run_folder, attachment):
                await watch.wait()
    except FileNotFoundError:
        pass  # the container was removed meanwhile
    finally:
        registration.close()
