"""Acting on signals in the event loop.

As asyncio's own add_signal_handler, which would bring in inspect, and with it an assembler and a tokenizer, to make
sure that no action is a coroutine: seven milliseconds of a cold start.
"""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping


class Signals:
    """What the main thread's loop does at which signal, from its making until close."""

    def __init__(self, loop: asyncio.AbstractEventLoop, actions: Mapping[signal.Signals, Callable[[], object]]) -> None:
        self._loop = loop
        self._actions = actions
        self._reader, self._writer = socket.socketpair()
        for each in (self._reader, self._writer):
            each.setblocking(False)
        loop.add_reader(self._reader, self._arrived)
        # Python writes each signal's number there, even where it comes just before the loop begins to wait.
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in actions:
            signal.signal(number, _noted)
            signal.siginterrupt(number, False)

    def close(self) -> None:
        """Act on no more signals; those that come are passed over."""
        signal.set_wakeup_fd(-1)
        self._loop.remove_reader(self._reader)
        self._reader.close()
        self._writer.close()

    def _arrived(self) -> None:
        for number in self._reader.recv(4096):
            if number in self._actions:
                self._actions[signal.Signals(number)]()


def _noted(number: int, frame: object) -> None:
    """Do nothing: without a handler the signal would end the process."""
