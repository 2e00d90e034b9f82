"""Keeping the process small: what the C library's allocator is told, giving back what it keeps, looking for garbage.

Streams pass through buffers of some hundred kilobytes, in whichever thread reads them. By default each thread has a
heap of its own, and each heap keeps what was once freed in it. musl has neither call, and neither need.
"""

from __future__ import annotations

import gc

_USUAL = gc.get_threshold()
_STARTING = 100_000  # objects made before Python looks for garbage among them; a start makes 40,000
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_THRESHOLD_BYTES = 128 * 1024  # glibc's own at the start; said, it does not grow with what is freed
_HEAPS = 1  # Python code runs in one thread at a time


def tune() -> None:
    """Tell the allocator to keep one heap, and little in it that is free."""
    mallopt = _libc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _HEAPS)
        mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _THRESHOLD_BYTES)


def collect_rarely() -> None:
    """Have Python leave what a start makes alone: it stays, and to look through it all the time takes a tenth of it."""
    gc.set_threshold(_STARTING)


def collect_as_usual() -> None:
    """Have Python look for garbage as it usually does, but not among what is there now."""
    gc.freeze()
    gc.set_threshold(*_USUAL)


def give_back() -> None:
    """Give the kernel what the allocator keeps and nobody uses; takes a millisecond."""
    malloc_trim = _libc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _libc(name: str):  # type: ignore[no-untyped-def]  # a function of C
    import ctypes

    return getattr(ctypes.CDLL(None), name, None)
