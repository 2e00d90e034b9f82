"""A layer on its way out: put together and packed by a process of its own (engine.registry.packing), hashed here."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Self

import engine
from engine.ended_process import end
from engine.errors import BadArchive
from engine.registry.packing import FAILED, FRAME, PLAIN

AHEAD = 1 << 20  # bytes that wait for the upload, beside what the pipe holds; then the process waits


class Outgoing:
    """The packed form of a layer's archive, as a context that gives its pieces; digest and size are known at their end.

    split, diff: the layer's tar-split file and its folder; tell: called with how much of the archive is packed.
    """

    def __init__(self, split: Path, diff: Path, *, packed: bool, tell: Callable[[int], None]) -> None:
        self._arguments = [str(split), str(diff), *([] if packed else [PLAIN])]
        self._tell = tell
        self._process: Process | None = None
        self._failure: Exception | None = None
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        """The digest of all that was given."""
        return f"sha256:{self._hash.hexdigest()}"

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "engine.registry.packing", *self._arguments),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            limit=AHEAD // 2,
            cwd="/",
            env={"PATH": os.defpath, "PYTHONPATH": os.path.dirname(engine.__path__[0])},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        await end(self._process)
        if self._failure is not None:
            raise self._failure  # the upload's own failure only follows from it

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Give the bytes, once. Raises BadArchive when the archive cannot be put together, OSError."""
        assert self._process is not None and self._process.stdout is not None
        coming = self._process.stdout
        try:
            while True:
                length, read = FRAME.unpack(await coming.readexactly(FRAME.size))
                if not length:
                    break
                piece = await coming.readexactly(length)
                self._hash.update(piece)
                self.size += length
                self._tell(read)
                yield piece
            await self._process.wait()
        except asyncio.IncompleteReadError:
            self._failure = await self._reason(self._process)
            raise self._failure from None

    async def _reason(self, process: Process) -> Exception:
        assert process.stderr is not None
        words = await process.stderr.read()
        if await process.wait() != FAILED:
            return BadArchive(f"the process that packs a layer ended with {process.returncode}")
        cause = json.loads(words)
        return OSError(*cause) if len(cause) > 1 else BadArchive(*cause)
