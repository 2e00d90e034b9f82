"""Answering one container's questions: from the tables, else from the name servers outside, as dockerd does.

A name that a container has but not with the kind of address that is asked for gets an empty answer. One that nobody
has is asked outside: up to three servers in turn, four seconds each, the next one when one fails. SERVFAIL is the
answer when none can tell, or where the container's networks have no way out.
"""

from __future__ import annotations

import _socket
import os

from engine.attendant import messages
from engine.attendant.loop import READ, Loop
from engine.attendant.messages import AAAA, MX, PTR, A, Question
from engine.attendant.state import State

TYPE_CHECKING = False  # typing and collections.abc would stay in memory
if TYPE_CHECKING:
    from collections.abc import Callable

    Reply = Callable[[bytes], None]

MOST_SERVERS = 3
PATIENCE = 4.0
PORT = 53
LARGEST = 65535
IP_RECVERR = 11  # linux/in.h
MOST_OPEN = 1024  # questions that are asked outside at once, of all containers


class Resolver:
    """What answers one container, and sends on what it does not know."""

    def __init__(self, loop: Loop, container: str, asking: _socket.socket | None, busy: list[int]) -> None:
        """Make one; asking is a socket of its namespace, busy has the number of questions that are out, of all."""
        self.loop = loop
        self.container = container
        self.asking = asking
        self.busy = busy
        self.out: dict[int, Forwarded] = {}  # by the id under which they were sent from the container's namespace
        if asking is not None:
            asking.setsockopt(_socket.IPPROTO_IP, IP_RECVERR, 1)
            loop.watch(asking.fileno(), READ, self._heard)

    def ask(self, state: State, packet: bytes, reply: Reply, *, tcp: bool) -> None:
        """Answer a packet, now or later; what is no question is not answered."""
        try:
            question = Question(packet)
        except (ValueError, IndexError):
            return
        most = LARGEST if tcp else question.size
        records = self._own(state, question)
        if records is not None:
            reply(messages.answer(question, records, most=most))
            return
        known = state.containers[self.container]
        if not known.forward:
            reply(messages.answer(question, code=messages.SERVER_FAILURE))
        elif known.ndots and question.kind in (A, AAAA) and "." not in question.name:
            reply(messages.answer(question))
        elif self.busy[0] >= MOST_OPEN:
            reply(messages.answer(question, code=messages.SERVER_FAILURE))
        else:
            Forwarded(self, question, reply, known.servers[:MOST_SERVERS], tcp=tcp).ask_next()

    def close(self) -> None:
        """Answer no more."""
        for each in list(self.out.values()):
            each.end()
        if self.asking is not None:
            self.loop.forget(self.asking.fileno())
            self.asking.close()

    def _own(self, state: State, question: Question) -> list[bytes] | None:
        """Return the records that the tables have for a question, in any order; None when it is for others."""
        if question.family != messages.IN:
            return None
        if question.kind == PTR:
            packed = messages.address_of(question.name)
            if packed is None:
                return None
            family = _socket.AF_INET if len(packed) == 4 else _socket.AF_INET6
            owner = state.owner(self.container, _socket.inet_ntop(family, packed))
            return None if owner is None else [messages.name_data(owner)]
        if question.kind not in (A, AAAA, MX):
            return None
        found = state.find(self.container, question.name)
        if found is None:
            return None
        wanted = [each for each in found if question.kind != MX and (":" in each) == (question.kind == AAAA)]
        family = _socket.AF_INET6 if question.kind == AAAA else _socket.AF_INET
        first = os.urandom(1)[0] % len(wanted) if wanted else 0
        return [_socket.inet_pton(family, each) for each in wanted[first:] + wanted[:first]]

    def _heard(self) -> None:
        assert self.asking is not None
        try:
            packet, sender = self.asking.recvfrom(LARGEST)
        except OSError:
            self._refused()
            return
        sent = self.out.get(messages.number(packet, 0)) if len(packet) >= 12 else None
        if sent is not None and sender[0] == sent.server:
            sent.heard(packet)

    def _refused(self) -> None:
        """Ask the next server of each question that found nobody, as the kernel says (ip(7), IP_RECVERR)."""
        assert self.asking is not None
        while True:
            try:
                packet = self.asking.recvmsg(LARGEST, 0, _socket.MSG_ERRQUEUE)[0]
            except OSError:
                return
            sent = self.out.get(messages.number(packet, 0)) if len(packet) >= 12 else None
            if sent is not None:
                sent.ask_next()


class Forwarded:
    """A question that is asked outside."""

    def __init__(self, resolver: Resolver, question: Question, reply: Reply, servers: list[str], *, tcp: bool) -> None:
        self.resolver, self.question, self.reply, self.servers, self.tcp = resolver, question, reply, servers, tcp
        self.server = ""
        self.identity = 0
        self.socket: _socket.socket | None = None
        self.received = b""
        resolver.busy[0] += 1

    def ask_next(self) -> None:
        """Ask the next server; without one the answer is that nobody knows."""
        self._let_go()
        while self.servers:
            server = self.servers.pop(0)
            inside, self.server = server.startswith("@"), server.removeprefix("@")
            try:
                if inside:
                    self._send_inside()
                else:
                    self._send()
            except OSError:
                self._let_go()
                continue
            self.resolver.loop.at(self, PATIENCE, self.ask_next)
            return
        self.resolver.busy[0] -= 1
        self.reply(messages.answer(self.question, code=messages.SERVER_FAILURE))

    def heard(self, packet: bytes) -> None:
        """Take an answer, and pass it on or ask another server."""
        if messages.failed(packet):
            self.ask_next()
            return
        self._let_go()
        self.resolver.busy[0] -= 1
        self.reply(messages.with_id(packet, self.question.id))

    def end(self) -> None:
        """Wait for no answer any more."""
        self._let_go()
        self.resolver.busy[0] -= 1

    def _send(self) -> None:
        family = _socket.AF_INET6 if ":" in self.server else _socket.AF_INET
        kind = _socket.SOCK_STREAM if self.tcp else _socket.SOCK_DGRAM
        made = self.socket = _socket.socket(family, kind | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
        self.identity = int.from_bytes(os.urandom(2), "big")
        packet = messages.with_id(self.question.packet, self.identity)
        if self.tcp:
            error = made.connect_ex((self.server, PORT))
            if error and error != 115:  # EINPROGRESS
                raise OSError(error, "connect")
            from engine.attendant.loop import WRITE

            self.resolver.loop.watch(made.fileno(), WRITE, lambda: self._connected(packet))
        else:
            made.connect((self.server, PORT))
            made.send(packet)
            self.resolver.loop.watch(made.fileno(), READ, self._read)

    def _send_inside(self) -> None:
        """Ask from the container's namespace, by UDP."""
        asking = self.resolver.asking
        if asking is None or ":" in self.server:
            raise OSError(97, "no such socket")
        while not self.identity or self.identity in self.resolver.out:
            self.identity = int.from_bytes(os.urandom(2), "big")
        self.resolver.out[self.identity] = self
        asking.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)  # of another question, which would be told of here
        asking.sendto(messages.with_id(self.question.packet, self.identity), (self.server, PORT))

    def _connected(self, packet: bytes) -> None:
        assert self.socket is not None
        try:
            self.socket.send(len(packet).to_bytes(2, "big") + packet)
        except OSError:
            self.ask_next()
            return
        self.received = b""
        self.resolver.loop.watch(self.socket.fileno(), READ, self._read)

    def _read(self) -> None:
        assert self.socket is not None
        try:
            data = self.socket.recv(LARGEST)
        except OSError:
            data = b""
        if not self.tcp:
            if not data:
                self.ask_next()
            elif len(data) >= 12 and messages.number(data, 0) == self.identity:
                self.heard(data)
            return
        self.received += data
        if len(self.received) >= 2 and len(self.received) >= 2 + messages.number(self.received, 0):
            self.heard(self.received[2 : 2 + messages.number(self.received, 0)])
        elif not data:
            self.ask_next()

    def _let_go(self) -> None:
        self.resolver.loop.never(self)
        if self.resolver.out.get(self.identity) is self:
            del self.resolver.out[self.identity]
        self.identity = 0
        if self.socket is not None:
            self.resolver.loop.forget(self.socket.fileno())
            self.socket.close()
            self.socket = None
