"""How async code calls the engine's sync verbs: in a thread, off the event loop, or in a hurry, on it.

Verbs take locks and make system calls that may block; a loop that waits for them would stop every other
request. The threads live as long as the process, so that each keeps its database connection.

To wake a thread and to be woken by it takes longer than most short verbs. One that is run in a hurry (engine.hurry)
gives up where it would wait, and is run again in a thread.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from engine.hurry import WouldWait, hurried

THREADS = 32  # more than this many blocked verbs at once queue up
MOMENT_SECONDS = 0.03  # within which the answer to what left something to be done is sent

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="verb")


@functools.cache
def _tidying_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="tidy")


async def off_loop(verb: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a sync verb in a thread and return what it returns or raise what it raises.

    When the awaiting task is cancelled the verb still runs to its end: verbs are not interrupted halfway.
    """
    return await asyncio.get_running_loop().run_in_executor(_threads(), functools.partial(verb, *args, **kwargs))


async def in_a_hurry(verb: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a sync verb at once if it need not wait for anybody, else from its beginning off the loop.

    For verbs that change nothing before they have the last lock that they need.
    """
    try:
        with hurried():
            return verb(*args, **kwargs)
    except WouldWait:
        return await off_loop(verb, *args, **kwargs)


def afterwards(verb: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Have a sync verb run in a thread although nobody waits for it; the process does not end before it has.

    What it raises is logged.
    """
    _threads().submit(_tidy, functools.partial(verb, *args, **kwargs))


def put_off(verb: Callable[[], object]) -> None:
    """Have a sync verb run a moment later, as afterwards does: once the answer of who calls this has been sent.

    One thread does all of them, one after another. Several, and at once, take the interpreter from the loop at each of
    their system calls, so that the answer itself would wait for them.
    """
    due = time.monotonic() + MOMENT_SECONDS

    def run() -> None:
        time.sleep(max(0.0, due - time.monotonic()))
        _tidy(verb)

    _tidying_thread().submit(run)


def _tidy(verb: Callable[[], object]) -> None:
    try:
        verb()
    except Exception:
        log.exception("Cannot tidy up")
