"""What the server tells its operator: lines on stderr, each with the id of the request it belongs to."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

logger = logging.getLogger("skiff")
request_id: ContextVar[str] = ContextVar("request_id", default="-")
_formatter = logging.Formatter("%(asctime)s %(levelname)s [%(request_id)s] %(message)s")


class _RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


def configure(level: str) -> None:
    """Send the log to stderr from this level on ("debug", "info", "warning", "error")."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter)
    handler.addFilter(_RequestIdFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logger.setLevel(level.upper())


def rehearse(loop: asyncio.AbstractEventLoop) -> None:
    """Make the line of an error, so that all is imported that this takes: later there may be no file to be opened.

    An error whose telling fails ends the loop where it comes from one of its callbacks. Raises OSError when
    no file can be opened now.
    """
    repr(asyncio.Handle(dump_tasks, (), loop))  # how the loop names a callback
    try:
        exec("raise RuntimeError")
    except RuntimeError as error:
        # Of a frame without a source alone: what underlines a part of a line is costly, and comes with the line.
        found = type(error), error, error.__traceback__ and error.__traceback__.tb_next
        record = logger.makeRecord(logger.name, logging.ERROR, __file__, 0, "", (), found)
        _RequestIdFilter().filter(record)
        _formatter.format(record)


def dump_tasks() -> None:
    """Log where every task stands; the server does so on SIGUSR1."""
    for task in asyncio.all_tasks():
        places = "".join(f"\n    {place}" for place in _places(task.get_coro()))
        logger.warning("Task %s%s", task.get_name(), places)


def _places(awaited: Any) -> Iterator[str]:
    """Yield where a suspended coroutine stands, from the outermost call to what it waits for."""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is None:
            yield repr(awaited)
            return
        yield f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "ag_await", None)
