"""The full server: accepts, serves, notices that it is idle, and ends without refusing anyone.

How it ends: it stops accepting (whoever connects now waits in the socket that systemd holds, for the next server),
asks each idle connection to take no more (compat_api.connection.Connection.quiesce), serves what raced in, and exits
when nothing is left. With a socket of its own there is no next server: its file goes first, and whoever had
connected by then is still served.

The loop is asyncio's own: uvloop was measured at 6 ms more before the first answer, and no faster for streams.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from itertools import islice
from typing import TYPE_CHECKING

from compat_api import log, memory
from compat_api.activation import Sockets, notify
from compat_api.activity import Activity
from compat_api.connection import Connection
from compat_api.dispatch import Dispatcher
from compat_api.options import Options
from compat_api.settings import raise_open_files, settings_of
from compat_api.signals import Signals
from engine import Engine

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from compat_api.access.audit import Audit
    from compat_api.access.guard import Guard

TUNE_SECONDS = 0.05  # after the start, when the first request is being served
STARTED_SECONDS = 1.0  # and when it has been: what most requests need is imported by then
FINISH_SECONDS = 5.0  # what requests in progress get after SIGTERM
ACCEPT_AT_ONCE = 64
KEPT_SECONDS = 1.3  # more idle time for a client that keeps its connection, so that one which asks again after
# just the idle time, or a multiple, does not meet the moment in which its connection is closed
SHED_AT_ONCE = 256  # idle connections that are closed where no descriptor is left for another
ACCEPT_PAUSE_SECONDS = 0.5  # when no descriptor is left for another connection


def run(options: Options, sockets: Sockets, connections: list[socket.socket]) -> int:
    """Serve until idle or told to end; returns the process's exit code."""
    log.configure(options.log_level)
    # So that asyncio.run sets no handler of its own: to replace that, its task would be put in words, by inspect again.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(_serve(options, sockets, connections))
    return 0


def guard_of(options: Options, engine: Engine) -> Guard | None:
    """Return what holds requests to the socket's policy, None where it has none."""
    if not (options.policies or options.deny):
        return None
    from compat_api.access.guard import Guard
    from compat_api.access.policy import parse

    return Guard(parse(options.policies, options.deny), engine)


def audit_of(options: Options) -> Audit | None:
    """Return what writes requests down, None where nobody wants it."""
    if not (options.audit or options.tls or options.insecure):
        return None
    from compat_api.access.audit import Audit

    return Audit()


def tls_of(options: Options) -> ssl.SSLContext | None:
    """Return how connections of the network are encrypted, None where they are not."""
    if options.tls is None:
        return None
    from compat_api.access.tls import make_context

    return make_context(*options.tls)


async def _serve(options: Options, sockets: Sockets, connections: list[socket.socket]) -> None:
    front = Front(options, sockets)
    front.start(connections)
    try:
        await front.until_done()
    finally:
        notify("STOPPING=1")
        await front.close()


def import_after(loop: asyncio.AbstractEventLoop, seconds: float, work: Callable[[], None]) -> None:
    """Do what imports something after so many seconds, and again after as many where no descriptor was left for it."""

    def attempt() -> None:
        try:
            work()
        except OSError:
            loop.call_later(seconds, attempt)

    loop.call_later(seconds, attempt)


class Front:
    """The sockets and connections of one server process."""

    def __init__(self, options: Options, sockets: Sockets) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle_timeout = options.idle_timeout
        self._sockets = sockets
        self._activity = Activity(self._loop)
        engine = Engine(settings_of(options, raise_open_files()))
        self._dispatcher = Dispatcher(engine, self._activity, guard_of(options, engine), audit_of(options))
        self._tls = tls_of(options)
        self._decrypting: set[asyncio.Task[None]] = set()
        self._arriving: set[asyncio.Task[None]] = set()
        self._told_to_end = False
        self._signals: Signals | None = None

    def start(self, connections: list[socket.socket]) -> None:
        """Serve the connections that are there, and those to come."""
        actions = {signal.SIGTERM: self._end, signal.SIGINT: self._end, signal.SIGUSR1: log.dump_tasks}
        self._signals = Signals(self._loop, actions)
        for connection in connections:
            self._take(connection)
        self._accept_from_now_on()
        import_after(self._loop, TUNE_SECONDS, memory.tune)
        import_after(self._loop, STARTED_SECONDS, self._started)

    def _started(self) -> None:
        """Do what a client who waited for the server to start was not to wait for."""
        log.rehearse(self._loop)
        memory.collect_as_usual()

    async def until_done(self) -> None:
        """Return when the server has nothing more to do, or was told to end."""
        activity = self._activity
        while not self._told_to_end:
            if not self._sockets.listeners and not (activity.connections or self._arriving):
                return  # isolated, and its connection has ended
            activity.changed.clear()
            left = self._seconds_left()
            if left is not None and left <= 0:
                if self._leave():
                    return
                left = self._idle_timeout
            soonest = self._idle_timeout - activity.idle_for()
            activity.minded = bool(self._idle_timeout) or not self._sockets.listeners
            if left is not None and soonest > 0 and self._sockets.listeners:
                # Until then nothing that ends is the reason to leave, so that no call pays for a look.
                left, activity.minded = soonest, False
            try:
                async with asyncio.timeout(left):
                    await activity.changed.wait()
            except TimeoutError:
                pass

    async def close(self) -> None:
        """Stop accepting, let requests in progress finish for a moment, and close everything."""
        self._activity.minded = True
        self._accept_no_more()
        self._sockets.unlink_own()
        if self._sockets.own:
            for listener in self._sockets.listeners:
                self._accept(listener)
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                while not self._quiesce():
                    self._activity.changed.clear()
                    await self._activity.changed.wait()
        except TimeoutError:
            log.logger.warning("Requests still in progress are cut off")
        for connection in list(self._activity.connections):
            connection.end()
        await self._dispatcher.shut_down(1.0)
        if self._decrypting:
            await asyncio.wait(self._decrypting, timeout=1.0)
        for listener in self._sockets.listeners:
            listener.close()
        if self._signals is not None:
            self._signals.close()

    def _seconds_left(self) -> float | None:
        """Return after how many seconds without use the server is idle; None while it is in use, or never."""
        if not self._idle_timeout or self._activity.busy:
            return None
        kept = KEPT_SECONDS if self._activity.connections else 0.0
        return self._idle_timeout + kept - self._activity.idle_for()

    def _end(self) -> None:
        self._told_to_end = True
        self._activity.changed.set()

    def _leave(self) -> bool:
        """Prepare to exit; False when a request came at the last moment, and the server goes on."""
        self._accept_no_more()
        if self._quiesce():
            return True
        self._accept_from_now_on()
        return False

    def _quiesce(self) -> bool:
        """Close the connections that have nothing to say; tell whether none is left."""
        for connection in list(self._activity.connections):
            if connection.quiesce():
                connection.end()
        return not (self._arriving or self._activity.busy or self._activity.open())

    def _accept_from_now_on(self) -> None:
        for listener in self._sockets.listeners:
            listener.setblocking(False)
            self._loop.add_reader(listener.fileno(), self._accept, listener)

    def _accept_no_more(self) -> None:
        for listener in self._sockets.listeners:
            self._loop.remove_reader(listener.fileno())

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                connection = listener.accept()[0]
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE) and self._shed():
                    self._loop.call_soon(self._accept, listener)
                    return
                log.logger.error("Cannot accept a connection: %s", error.strerror)
                self._accept_no_more()
                self._loop.call_later(ACCEPT_PAUSE_SECONDS, self._accept_from_now_on)
                return
            self._take(connection)

    def _shed(self) -> int:
        """Close connections on which nothing is in progress, when no descriptor is left; returns how many."""
        idle = (connection for connection in list(self._activity.connections) if connection.shed())
        closed = sum(1 for _ in islice(idle, SHED_AT_ONCE))
        if closed:
            log.logger.warning("No descriptor was left: closed %s idle connections", closed)
        return closed

    def _take(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._activity.touch()
        decrypted = None
        if self._tls is not None and connection.family != socket.AF_UNIX:
            from compat_api.access.tls import Decrypted

            try:
                decrypted = Decrypted(connection, self._tls)
            except OSError:  # the client has gone, or no descriptor is left
                connection.close()
                return
            decrypting = self._loop.create_task(decrypted.run(), name="decrypt")
            self._decrypting.add(decrypting)
            decrypting.add_done_callback(self._decrypting.discard)
            connection = decrypted.inner
        protocol = Connection(self._dispatcher, self._activity, self._loop, decrypted)
        # What connect_accepted_socket does, without the task and the turns of the loop that waiting for it takes.
        make = getattr(self._loop, "_make_socket_transport", None)
        if make is not None:
            protocol.transport = make(connection, protocol)
            self._activity.connected(protocol)
            return
        task = self._loop.create_task(self._open(connection, protocol), name="accept")
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _open(self, connection: socket.socket, protocol: Connection) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: protocol, connection)
        except OSError:
            connection.close()
        self._activity.changed.set()
