"""The attendant's control socket: the engine hands over sockets and the state, and hears which sockets are missing.

Each message has its length before it, in four bytes. `take KEY...` comes with the descriptors of that many sockets:
dns/CONTAINER three times (questions by UDP, by TCP, and one to ask from inside with), or the KEY of a relay. `state`
and, from the next line on, the text of engine.attendant.state is answered by the keys of the sockets that the state
needs and that nobody has handed over, divided by spaces. An empty state ends the process, after a moment in which
whoever said so has the processor.
"""

from __future__ import annotations

import _socket

from engine.attendant.loop import READ, Loop
from engine.attendant.questions import Questions
from engine.attendant.relay import TcpRelay, UdpRelay
from engine.attendant.resolver import Resolver
from engine.attendant.state import State

DNS = "dns/"
DNS_SOCKETS = 3
MOST_DESCRIPTORS = 253  # of one message: the kernel's limit
REST = 0.05  # seconds from an empty state to the end


class Control:
    """The state, and all that is open because of it."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.state = State()
        self.questions: dict[str, Questions] = {}
        self.relays: dict[str, TcpRelay | UdpRelay] = {}
        self.sockets: dict[str, list[_socket.socket]] = {}  # handed over, and not yet named by a state
        self.busy = [0]

    def take(self, keys: list[str], descriptors: list[int]) -> None:
        """Take sockets, which replace those of the same keys."""
        fresh: dict[str, list[_socket.socket]] = {}
        for key, descriptor in zip(keys, descriptors, strict=True):
            made = _socket.socket(fileno=descriptor)
            made.setblocking(False)
            fresh.setdefault(key, []).append(made)
        for key in fresh:
            self._drop(key)
        self.sockets.update(fresh)

    def learn(self, text: str) -> list[str]:
        """Replace the state, and return the keys of the sockets that are missing."""
        self.state = state = State(text)
        wanted = {DNS + container for container in state.containers} | set(state.relays)
        for key in {*self.sockets, *self.relays, *(DNS + container for container in self.questions)} - wanted:
            self._drop(key)
        missing = []
        for key in sorted(wanted):
            if not self._serve(key):
                missing.append(key)
        return missing

    def _serve(self, key: str) -> bool:
        """See to it that a socket is answered as the state says; False when it is not there."""
        sockets = self.sockets.pop(key, None)
        if key.startswith(DNS):
            container = key.removeprefix(DNS)
            if sockets is not None and len(sockets) == DNS_SOCKETS:
                udp, tcp, asking = sockets
                resolver = Resolver(self.loop, container, asking, self.busy)
                self.questions[container] = Questions(self.loop, lambda: self.state, resolver, udp, tcp)
            return container in self.questions
        target = self.state.relays[key]
        if sockets is not None:
            kind = TcpRelay if key.startswith("tcp/") else UdpRelay
            self.relays[key] = kind(self.loop, sockets[0], target)
        found = self.relays.get(key)
        if found is not None:
            found.target = target
        return found is not None

    def _drop(self, key: str) -> None:
        for each in self.sockets.pop(key, ()):
            each.close()
        served = self.questions.pop(key.removeprefix(DNS), None) if key.startswith(DNS) else self.relays.pop(key, None)
        if served is not None:
            served.close()


class Client:
    """A process that hands something over."""

    def __init__(self, control: Control, made: _socket.socket) -> None:
        self.control, self.socket = control, made
        self.received, self.descriptors = b"", [0][:0]
        made.setblocking(True)
        control.loop.watch(made.fileno(), READ, self._read)

    def _read(self) -> None:
        try:
            data, extra, _, _ = self.socket.recvmsg(1 << 16, _socket.CMSG_SPACE(MOST_DESCRIPTORS * 4))
        except OSError:
            data, extra = b"", []
        for _, _, packed in extra:
            whole = len(packed) // 4 * 4
            self.descriptors += memoryview(packed[:whole]).cast("i").tolist()
        self.received += data
        while len(self.received) >= 4:
            end = 4 + int.from_bytes(self.received[:4], "big")
            if len(self.received) < end:
                break
            text, self.received = self.received[4:end].decode(), self.received[end:]
            self._handle(text)
        if not data:
            self.control.loop.forget(self.socket.fileno())
            self.socket.close()

    def _handle(self, text: str) -> None:
        verb, _, rest = text.partition("\n")
        if verb.startswith("take "):
            keys = verb.split(" ")[1:]
            taken, self.descriptors = self.descriptors[: len(keys)], self.descriptors[len(keys) :]
            self.control.take(keys, taken)
            return
        answer = " ".join(self.control.learn(rest)).encode()
        try:
            self.socket.sendall(len(answer).to_bytes(4, "big") + answer)
        except OSError:
            pass
        loop = self.control.loop
        if rest:
            loop.never("end")
        else:
            loop.at("end", REST, loop.end)


def serve(descriptor: int) -> None:
    """Serve at a socket that listens, until a state is empty."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    loop = Loop()
    control = Control(loop)
    listening = _socket.socket(fileno=descriptor)
    listening.setblocking(False)

    def accept() -> None:
        try:
            fd, _ = listening._accept()  # type: ignore[attr-defined]
        except OSError:
            return
        Client(control, _socket.socket(fileno=fd))

    loop.watch(descriptor, READ, accept)
    loop.run()
