"""The sockets at which a container asks: by UDP, and by TCP with a length before each message (RFC 7766)."""

from __future__ import annotations

import _socket

from engine.attendant.loop import READ, Loop
from engine.attendant.messages import number
from engine.attendant.resolver import LARGEST, Resolver
from engine.attendant.state import State

TYPE_CHECKING = False  # typing and collections.abc would stay in memory
if TYPE_CHECKING:
    from collections.abc import Callable

IDLE = 10.0  # seconds until a TCP connection without questions is closed
MOST_CONNECTIONS = 64  # of one container
AT_ONCE = 32  # questions that are read before others have their turn


class Questions:
    """One container's sockets for questions, and what answers them."""

    def __init__(
        self, loop: Loop, state: Callable[[], State], resolver: Resolver, udp: _socket.socket, tcp: _socket.socket
    ) -> None:
        self.loop, self.state, self.resolver, self.udp, self.tcp = loop, state, resolver, udp, tcp
        self.connections: set[Connection] = set()
        loop.watch(udp.fileno(), READ, self._packets)
        loop.watch(tcp.fileno(), READ, self._accept)

    def close(self) -> None:
        """Let go of the sockets, which keep the container's namespace."""
        self.resolver.close()
        for connection in list(self.connections):
            connection.close()
        for each in (self.udp, self.tcp):
            self.loop.forget(each.fileno())
            each.close()

    def _packets(self) -> None:
        for _ in range(AT_ONCE):
            try:
                packet, asker = self.udp.recvfrom(LARGEST)
            except OSError:
                return
            self.resolver.ask(self.state(), packet, self._reply_to(asker), tcp=False)

    def _reply_to(self, asker: tuple[str, int]) -> Callable[[bytes], None]:
        def reply(packet: bytes) -> None:
            try:
                self.udp.sendto(packet, asker)
            except OSError:
                pass  # it has closed its socket, or ours is closed

        return reply

    def _accept(self) -> None:
        try:
            fd, _ = self.tcp._accept()  # type: ignore[attr-defined]
        except OSError:
            return
        made = _socket.socket(fileno=fd)
        if len(self.connections) >= MOST_CONNECTIONS:
            made.close()
            return
        made.setblocking(False)
        self.connections.add(Connection(self, made))


class Connection:
    """A TCP connection of a container's."""

    def __init__(self, owner: Questions, made: _socket.socket) -> None:
        self.owner, self.socket, self.received = owner, made, b""
        owner.loop.watch(made.fileno(), READ, self._read)
        owner.loop.at(self, IDLE, self.close)

    def close(self) -> None:
        """End the connection."""
        if self in self.owner.connections:
            self.owner.connections.remove(self)
            self.owner.loop.never(self)
            self.owner.loop.forget(self.socket.fileno())
            self.socket.close()

    def _read(self) -> None:
        try:
            data = self.socket.recv(LARGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self.owner.loop.at(self, IDLE, self.close)
        self.received += data
        while len(self.received) >= 2 and len(self.received) >= 2 + number(self.received, 0):
            size = number(self.received, 0)
            packet, self.received = self.received[2 : 2 + size], self.received[2 + size :]
            self.owner.resolver.ask(self.owner.state(), packet, self._reply, tcp=True)

    def _reply(self, packet: bytes) -> None:
        if self not in self.owner.connections:
            return
        try:
            self.socket.send(len(packet).to_bytes(2, "big") + packet)
        except OSError:
            self.close()
