"""DNS messages (RFC 1035), as far as questions for addresses and names of addresses go. Pure."""

from __future__ import annotations

TYPE_CHECKING = False  # typing and collections.abc would stay in memory
if TYPE_CHECKING:
    from collections.abc import Iterable


A, PTR, MX, AAAA, OPT = 1, 12, 15, 28, 41
IN = 1
NO_ERROR, FORMAT_ERROR, SERVER_FAILURE = 0, 1, 2
REFUSED = 5
RESPONSE, TRUNCATED, RECURSION_DESIRED, RECURSION_AVAILABLE = 0x8000, 0x0200, 0x0100, 0x0080
OPCODE = 0x7800
TIME_TO_LIVE = 600
SMALLEST = 512
TO_QUESTION = b"\xc0\x0c"


class Question:
    """A question: id, flags, name as text, kind, the bytes that an answer repeats, the size of it that UDP may have."""

    def __init__(self, packet: bytes) -> None:
        """Read a packet. Raises ValueError when it is no single question."""
        if len(packet) < 17 or number(packet, 2) & (RESPONSE | OPCODE) or number(packet, 4) != 1:
            raise ValueError
        self.packet = packet
        self.id = number(packet, 0)
        self.flags = number(packet, 2)
        labels, at = [], 12
        while length := packet[at]:
            if length > 63 or at + length + 1 >= len(packet):
                raise ValueError
            labels.append(packet[at + 1 : at + 1 + length].decode("latin-1"))
            at += length + 1
        if at + 5 > len(packet):
            raise ValueError
        self.name = ".".join(labels)
        self.kind, self.family = number(packet, at + 1), number(packet, at + 3)
        self.text = packet[12 : at + 5]
        self.size = self._size(at + 5)

    def _size(self, at: int) -> int:
        """Return the size in the OPT record (RFC 6891) that follows a question without other records."""
        packet = self.packet
        if number(packet, 10) and len(packet) >= at + 5 and not packet[at] and number(packet, at + 1) == OPT:
            return max(SMALLEST, number(packet, at + 3))
        return SMALLEST


def answer(question: Question, records: Iterable[bytes] = (), code: int = NO_ERROR, *, most: int = 65535) -> bytes:
    """Return the answer to a question with records about its name; of those that do not fit it says that they lack."""
    flags = RESPONSE | RECURSION_AVAILABLE | question.flags & RECURSION_DESIRED | code
    body, count = question.text, 0
    kind = _two(question.kind) + _two(IN) + TIME_TO_LIVE.to_bytes(4, "big")
    for data in records:
        record = TO_QUESTION + kind + _two(len(data)) + data
        if 12 + len(body) + len(record) > most:
            flags |= TRUNCATED
            break
        body, count = body + record, count + 1
    return _two(question.id) + _two(flags) + _two(1) + _two(count) + bytes(4) + body


def name_data(name: str) -> bytes:
    """Return a name as the data of a record."""
    labels = (label.encode("latin-1", "replace")[:63] for label in name.split(".") if label)
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def address_of(name: str) -> bytes | None:
    """Return the address, as bytes, that a name below in-addr.arpa or ip6.arpa stands for; None for other names."""
    labels = name.lower().removesuffix(".").split(".")
    try:
        if labels[-2:] == ["in-addr", "arpa"] and len(labels) == 6:
            return bytes(int(label) for label in reversed(labels[:4]))
        if labels[-2:] == ["ip6", "arpa"] and len(labels) == 34:
            return bytes.fromhex("".join(reversed(labels[:32])))
    except ValueError:
        pass
    return None


def failed(packet: bytes) -> bool:
    """Tell whether an answer says that its server cannot tell, so that another one is worth asking."""
    return len(packet) < 12 or number(packet, 2) & 15 in (SERVER_FAILURE, REFUSED)


def number(packet: bytes, at: int) -> int:
    """Return the number of two bytes at a place."""
    return packet[at] << 8 | packet[at + 1]


def with_id(packet: bytes, identity: int) -> bytes:
    """Return a message under another id."""
    return _two(identity) + packet[2:]


def _two(value: int) -> bytes:
    return value.to_bytes(2, "big")
