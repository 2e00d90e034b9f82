"""Leading on what comes to a published IPv6 port of a container without IPv6, or comes to one from this machine itself.

The firewall cannot change one kind of address into the other, so connections are carried here: TCP by splice, which
copies nothing into this process; UDP packet by packet, with a socket of its own for each client.
"""

from __future__ import annotations

import _socket
import os

from engine.attendant.loop import READ, WRITE, Loop

TYPE_CHECKING = False  # typing and collections.abc would stay in memory
if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 1 << 20
UDP_IDLE = 90.0  # seconds without a packet after which a client is forgotten
MOST_CLIENTS = 4096  # of one UDP port
LARGEST = 65535
IPV6_RECVPKTINFO, IPV6_PKTINFO, PKTINFO_SIZE = 49, 50, 20
PAUSE = 0.5  # seconds without new connections when this process has no descriptors left

Target = tuple[str, int]
Extra = list[tuple[int, int, bytes]]  # control data of a packet: level, kind, value


def _connect(kind: int, target: Target) -> _socket.socket:
    family = _socket.AF_INET6 if ":" in target[0] else _socket.AF_INET
    made = _socket.socket(family, kind | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
    error = made.connect_ex(target)
    if error and error != 115:  # EINPROGRESS
        made.close()
        raise OSError(error, "connect")
    return made


class TcpRelay:
    """A socket that listens, and the connections that came to it."""

    def __init__(self, loop: Loop, listening: _socket.socket, target: Target) -> None:
        self.loop, self.listening, self.target = loop, listening, target
        self.connections: set[Carried] = set()
        listening.setblocking(False)
        self._listen()

    def close(self) -> None:
        """End all connections and let go of the socket."""
        self.loop.never(self)
        for connection in list(self.connections):
            connection.close()
        self.loop.forget(self.listening.fileno())
        self.listening.close()

    def _listen(self) -> None:
        self.loop.watch(self.listening.fileno(), READ, self._accept)

    def _accept(self) -> None:
        try:
            fd, _ = self.listening._accept()  # type: ignore[attr-defined]
        except BlockingIOError:
            return
        except OSError:
            self.loop.forget(self.listening.fileno())
            self.loop.at(self, PAUSE, self._listen)
            return
        client = _socket.socket(fileno=fd)
        client.setblocking(False)
        try:
            Carried(self, client, _connect(_socket.SOCK_STREAM, self.target))
        except OSError:
            client.close()


class Way:
    """One direction of a connection: what is under way is in a pipe."""

    def __init__(self, source: _socket.socket, target: _socket.socket) -> None:
        self.source, self.target = source, target
        self.outlet, self.inlet = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.filled = 0
        self.ended = self.closed = False

    def move(self) -> None:
        """Move on what there is, and the end after it. Raises OSError when the connection has broken."""
        while True:
            if not self.ended and not self.filled:
                try:
                    self.filled = os.splice(self.source.fileno(), self.inlet, CHUNK, flags=os.SPLICE_F_NONBLOCK)
                except BlockingIOError:
                    return
                self.ended = not self.filled
            if self.filled:
                try:
                    self.filled -= os.splice(self.outlet, self.target.fileno(), self.filled, flags=os.SPLICE_F_NONBLOCK)
                except BlockingIOError:
                    return
            elif self.ended:
                if not self.closed:
                    self.closed = True
                    self.target.shutdown(_socket.SHUT_WR)
                return


class Carried:
    """A connection that is led on."""

    def __init__(self, relay: TcpRelay, client: _socket.socket, server: _socket.socket) -> None:
        self.relay, self.sides = relay, (client, server)
        self.ways = Way(client, server), Way(server, client)
        relay.connections.add(self)
        # The target has answered when its side can be written to.
        relay.loop.watch(server.fileno(), WRITE, self._connected)

    def close(self) -> None:
        """End both sides."""
        if self in self.relay.connections:
            self.relay.connections.remove(self)
            for side in self.sides:
                self.relay.loop.forget(side.fileno())
                side.close()
            for way in self.ways:
                os.close(way.outlet)
                os.close(way.inlet)

    def _connected(self) -> None:
        if self.sides[1].getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
            self.close()
        else:
            self._move()

    def _move(self) -> None:
        try:
            for way in self.ways:
                way.move()
        except OSError:
            self.close()
            return
        if all(way.closed for way in self.ways):
            self.close()
            return
        there, back = self.ways
        for side, coming, going in ((self.sides[0], there, back), (self.sides[1], back, there)):
            events = (0 if coming.ended or coming.filled else READ) | (WRITE if going.filled else 0)
            if events:
                self.relay.loop.watch(side.fileno(), events, self._move)
            else:
                self.relay.loop.forget(side.fileno())


class UdpRelay:
    """A socket to which packets come, and a socket for each of those who sent some."""

    def __init__(self, loop: Loop, receiving: _socket.socket, target: Target) -> None:
        self.loop, self.receiving, self.target = loop, receiving, target
        self.clients: dict[object, _socket.socket] = {}
        receiving.setblocking(False)
        if receiving.family == _socket.AF_INET6:
            receiving.setsockopt(_socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        loop.watch(receiving.fileno(), READ, self._came)

    def close(self) -> None:
        """Forget all clients and let go of the socket."""
        for client in list(self.clients):
            self._forget(client)
        self.loop.forget(self.receiving.fileno())
        self.receiving.close()

    def _came(self) -> None:
        try:
            data, extra, _, client = self.receiving.recvmsg(LARGEST, _socket.CMSG_SPACE(PKTINFO_SIZE))
        except OSError:
            return
        found = self.clients.get(client)
        if found is None:
            if len(self.clients) >= MOST_CLIENTS:
                return
            try:
                found = self.clients[client] = _connect(_socket.SOCK_DGRAM, self.target)
            except OSError:
                return
            # From the address that the client sent to.
            kept = [(level, kind, value) for level, kind, value in extra if kind == IPV6_PKTINFO]
            self.loop.watch(found.fileno(), READ, self._answered(client, found, kept))
        self.loop.at(found, UDP_IDLE, lambda: self._forget(client))
        try:
            found.send(data)
        except OSError:
            pass  # nobody is there: UDP loses what comes then

    def _answered(
        self, client: object, found: _socket.socket, extra: list[tuple[int, int, bytes]]
    ) -> Callable[[], None]:
        def back() -> None:
            try:
                data = found.recv(LARGEST)
            except OSError:
                return
            self.loop.at(found, UDP_IDLE, lambda: self._forget(client))
            try:
                self.receiving.sendmsg([data], extra, 0, client)  # type: ignore[arg-type]
            except OSError:
                pass

        return back

    def _forget(self, client: object) -> None:
        found = self.clients.pop(client, None)
        if found is not None:
            self.loop.never(found)
            self.loop.forget(found.fileno())
            found.close()
