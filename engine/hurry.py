"""Verbs in a hurry: run where nobody may be made to wait, by engine.off_loop, and then given up where they would wait.

What would wait for a lock or the disk, or is about to do much, raises WouldWait instead. Imports next to nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

A_FEW = 50  # files or records that are looked at in a millisecond or two

_local = threading.local()


class WouldWait(Exception):
    """A verb in a hurry would have to wait, or has much to do."""


@contextmanager
def hurried() -> Iterator[None]:
    """Have the verbs that are called in the block raise WouldWait rather than wait."""
    _local.hurried = True
    try:
        yield
    finally:
        _local.hurried = False


def is_hurried() -> bool:
    """Tell whether the calling verb is to raise WouldWait rather than wait."""
    return getattr(_local, "hurried", False)


def about_to_do(count: int) -> None:
    """Raise WouldWait in a hurry where so many files or records are to be looked at that it takes a while."""
    if count > A_FEW and is_hurried():
        raise WouldWait
