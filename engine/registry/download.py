"""Fetching a blob in spite of dropped connections: each time it goes on where it was.

The pace is dockerd's: five attempts without a byte of progress, a longer pause before each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

from engine.registry.hosts import RegistryUnreachable
from engine.registry.refusals import BadContent, RegistryRefused

if TYPE_CHECKING:
    from engine.registry.manifests import Descriptor
    from engine.registry.repository import Repository

ATTEMPTS = 5
PAUSE_SECONDS = 5  # before the second attempt; each later one waits for as much more

Tell = Callable[[str], None]


async def pieces(
    repository: Repository, wanted: Descriptor, retrying: Tell, pause: float = PAUSE_SECONDS
) -> AsyncGenerator[bytes]:
    """Give a blob's bytes as they come; retrying is told of each second of a pause.

    A foreign layer is asked for at the registry first, then at its own URLs. Raises RegistryUnreachable,
    RegistryRefused, BadContent (the registry cannot go on in the middle, or gives more than it said).
    """
    position, failures = 0, 0
    sources = ["", *wanted.urls]
    while True:
        before = position
        try:
            async with repository.blob(wanted.digest, position, sources[0]) as response:
                if position and response.status != 206:
                    skip = position  # it begins anew: what is there already is read over
                else:
                    skip = 0
                async for data in response.content.iter_any():
                    if skip:
                        skipped = min(skip, len(data))
                        skip, data = skip - skipped, data[skipped:]
                    if data:
                        position += len(data)
                        if wanted.size and position > wanted.size:
                            raise BadContent(f"filesystem layer verification failed for digest {wanted.digest}")
                        yield data
            return
        except RegistryRefused as error:
            if error.status == 404 and len(sources) > 1:
                del sources[0]
                continue
            if error.status == 416 and position:
                return  # there is no more
            raise
        except RegistryUnreachable:
            failures = 1 if position > before else failures + 1
            if failures >= ATTEMPTS:
                raise
        if position == before:
            await _pause(failures * pause, retrying)


async def _pause(seconds: float, retrying: Tell) -> None:
    left = seconds
    while left > 0:
        retrying(f"Retrying in {left:.0f} second{'s' if round(left) != 1 else ''}")
        await asyncio.sleep(min(1, left))
        left -= 1
