"""The key sequence by which a terminal's user leaves a container without ending it. Pure."""

from __future__ import annotations

from engine.errors import InvalidParameter

DEFAULT = "ctrl-p,ctrl-q"
_CONTROL = {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


class InvalidDetachKeys(InvalidParameter):
    """A key sequence that cannot be read."""

    def __init__(self, keys: str, part: str) -> None:
        super().__init__(f"unknown character: {part!r} in the detach keys {keys}")
        self.keys = keys
        self.part = part


def parse(keys: str) -> bytes:
    """Return the bytes of a sequence such as "ctrl-p,ctrl-q" or "a,ctrl-x"; empty stands for the default.

    Raises InvalidDetachKeys.
    """
    found = bytearray()
    for part in (keys or DEFAULT).split(","):
        if len(part) == 1:
            found += part.encode()
            continue
        name, _, key = part.partition("-")
        if name != "ctrl" or len(key) != 1:
            raise InvalidDetachKeys(keys, part)
        if "a" <= key <= "z":
            found.append(ord(key) - ord("a") + 1)
        elif key in _CONTROL:
            found.append(_CONTROL[key])
        else:
            raise InvalidDetachKeys(keys, part)
    return bytes(found)


class DetachFilter:
    """Passes input on but for the sequence; keeps back what may yet become it."""

    def __init__(self, sequence: bytes) -> None:
        self._sequence = sequence
        self._held = 0  # how many bytes of the sequence have come

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what goes on to the container, and whether the sequence is complete."""
        out = bytearray()
        for byte in data:
            if byte == self._sequence[self._held]:
                self._held += 1
                if self._held == len(self._sequence):
                    return bytes(out), True
                continue
            out += self._sequence[: self._held]
            self._held = 0
            if byte == self._sequence[0]:
                self._held = 1
                if len(self._sequence) == 1:
                    return bytes(out), True
            else:
                out.append(byte)
        return bytes(out), False
