"""What the full server puts off until it has started."""

from __future__ import annotations

import asyncio
import errno

from compat_api.server import import_after


async def test_what_found_no_descriptor_is_done_once_there_is_one() -> None:
    failures = [OSError(errno.EMFILE, "too many open files")] * 2
    done = asyncio.Event()

    def work() -> None:
        if failures:
            raise failures.pop()
        done.set()

    import_after(asyncio.get_running_loop(), 0.001, work)
    await asyncio.wait_for(done.wait(), 10)
    assert not failures
