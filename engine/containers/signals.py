"""Signals by their names and numbers, as dockerd reads them. Pure."""

from __future__ import annotations

import re
import signal as signals

from engine.errors import InvalidParameter

_REAL_TIME = re.compile(r"(RTMIN\+|RTMAX-)([1-9][0-9]?)", re.ASCII)
_ABOVE_MIN, _BELOW_MAX = 15, 14  # how far names go on from either end


class InvalidSignal(InvalidParameter):
    """A signal that does not exist."""

    def __init__(self, signal: str) -> None:
        super().__init__(f"invalid signal: {signal}")
        self.signal = signal


def parse_signal(text: str) -> int:
    """Return the number of a signal given as 9, KILL, SIGKILL or RTMIN+3. Raises InvalidSignal.

    Any number but 0 passes, as with dockerd: the kernel knows which ones there are.
    """
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text, re.ASCII):
        if int(text) == 0:
            raise InvalidSignal(text)
        return int(text)
    name = text.upper().removeprefix("SIG")
    if found := _REAL_TIME.fullmatch(name):
        offset = int(found[2])
        if offset <= (_ABOVE_MIN if found[1] == "RTMIN+" else _BELOW_MAX):
            return signals.SIGRTMIN + offset if found[1] == "RTMIN+" else signals.SIGRTMAX - offset
    try:
        return signals.Signals[f"SIG{name}"].value
    except KeyError:
        raise InvalidSignal(text) from None
