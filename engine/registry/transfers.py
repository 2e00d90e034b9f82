"""Layers that are being fetched, each once however many pulls want it: three at a time, unpacked while they come in.

A layer is fetched for as long as somebody waits for it. It lies in a temporary folder of the store until then, so that
one that nobody took into an image leaves nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import BadArchive
from engine.off_loop import off_loop
from engine.registry.download import pieces
from engine.registry.feed import Feed
from engine.registry.refusals import BadContent
from engine.registry.single_flight import SingleFlight

if TYPE_CHECKING:
    from engine.registry.manifests import Descriptor
    from engine.registry.repository import Repository
    from engine.storage.layers import StagedLayer
    from engine.storage.store import Store

AT_ONCE = 3  # downloads, as dockerd
UPLOADS_AT_ONCE = 5
TELL_SECONDS = 0.1  # between two words of how far a download is

Listener = Callable[[str, int, int], None]  # what happens, bytes that are there, bytes in all


class NotRegistered(BadArchive):
    """A layer came in whole, but cannot be unpacked; str() is in dockerd's words."""


class Transfer:
    """One layer on its way. Await finished; drop it when it is not wanted any more."""

    def __init__(self, wanted: Descriptor) -> None:
        self.wanted = wanted
        self.users = 0
        self.listeners: set[Listener] = set()
        self.last: list[tuple[str, int, int]] = []  # what somebody who comes later is to be told at once
        self.task: asyncio.Task[StagedLayer] | None = None
        self._told = 0.0

    def tell(self, action: str, current: int = 0, total: int = 0) -> None:
        """Let everybody know what happens; of a download's progress now and then only."""
        if action == "Downloading":
            now = time.monotonic()
            if now - self._told < TELL_SECONDS:
                return
            self._told = now
        self.last = [(action, current, total)]
        for listener in self.listeners:
            listener(action, current, total)


class Transfers:
    """All the layers that one process fetches into one store, on one loop."""

    def __init__(self, store: Store, locks: Path) -> None:
        self._store = store
        self.single_flight = SingleFlight(locks)
        self._transfers: dict[str, Transfer] = {}
        self._stages: dict[Transfer, ExitStack] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.uploads = asyncio.Semaphore(UPLOADS_AT_ONCE)

    def join(self, repository: Repository, wanted: Descriptor, diff_id: str, listener: Listener) -> Transfer:
        """Have a layer fetched, or share in what is being fetched already; leave when it is not needed any more."""
        transfer = self._transfers.get(wanted.digest)
        if transfer is None:
            transfer = self._transfers[wanted.digest] = Transfer(wanted)
            transfer.task = asyncio.create_task(
                self._fetch(transfer, repository, diff_id), name=f"fetch {wanted.digest}"
            )
            transfer.task.add_done_callback(lambda task: None if task.cancelled() else task.exception())
        transfer.users += 1
        transfer.listeners.add(listener)
        for told in transfer.last:
            listener(*told)
        return transfer

    async def leave(self, transfer: Transfer, listener: Listener) -> None:
        """Give up one's share; with the last one the layer goes, unless it was made part of the store."""
        transfer.listeners.discard(listener)
        transfer.users -= 1
        if transfer.users:
            return
        if self._transfers.get(transfer.wanted.digest) is transfer:
            del self._transfers[transfer.wanted.digest]
        assert transfer.task is not None
        transfer.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await transfer.task
        await off_loop(self._stages.pop(transfer, ExitStack()).close)

    async def _fetch(self, transfer: Transfer, repository: Repository, diff_id: str) -> StagedLayer:
        if self._slots.locked():
            transfer.tell("Waiting")
        async with self._slots, repository.connection:
            stage = ExitStack()
            folder: Path = await off_loop(stage.enter_context, self._store.staging())
            self._stages[transfer] = stage
            try:
                return await self._unpack(transfer, repository, diff_id, folder / "layer")
            except BaseException:
                if self._transfers.get(transfer.wanted.digest) is transfer:
                    del self._transfers[transfer.wanted.digest]  # the next one tries anew
                raise

    async def _unpack(self, transfer: Transfer, repository: Repository, diff_id: str, folder: Path) -> StagedLayer:
        from engine.storage.extract import LayerUnwritable
        from engine.storage.incoming import Expected

        wanted = transfer.wanted
        own = wanted.digest if wanted.digest.startswith("sha256:") else ""
        feed = Feed()
        unpacking = asyncio.ensure_future(
            off_loop(self._store.extract_layer, feed, folder, Expected(own, wanted.size or None, diff_id))
        )
        downloading = asyncio.create_task(self._download(transfer, repository, feed), name="download")
        try:
            await asyncio.wait((unpacking, downloading), return_when=asyncio.FIRST_COMPLETED)
            if unpacking.done() and not downloading.done():
                downloading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await downloading
            staged = await unpacking
        except BadArchive as error:
            raise await self._blame(error, transfer, repository) from error
        except LayerUnwritable as error:
            raise NotRegistered(f"failed to register layer: {error.reason}") from error
        except OSError as error:
            raise NotRegistered(f"failed to register layer: {_words(error)}") from error
        finally:
            downloading.cancel()
            feed.end(ConnectionAbortedError("nobody wants the layer any more"))
            with contextlib.suppress(BaseException):
                await asyncio.shield(unpacking)
        transfer.tell("Download complete")
        transfer.tell("Extracting", wanted.size, wanted.size)
        return staged

    async def _download(self, transfer: Transfer, repository: Repository, feed: Feed) -> None:
        """Feed the thread that unpacks; a failure goes through it, so that it is told once."""
        wanted, position = transfer.wanted, 0
        algorithm, _, digest = wanted.digest.partition(":")
        own = hashlib.new(algorithm) if algorithm != "sha256" else None  # which the thread that unpacks looks after
        try:
            async with aclosing(pieces(repository, wanted, transfer.tell)) as coming:
                async for data in coming:
                    position += len(data)
                    transfer.tell("Downloading", position, wanted.size)
                    if own is not None:
                        own.update(data)
                    await feed.put(data)
            if own is not None and own.hexdigest() != digest:
                raise _wrong(wanted)
        except Exception as error:
            feed.end(error)
            return
        transfer.tell("Verifying Checksum")
        feed.end()

    async def _blame(self, error: BadArchive, transfer: Transfer, repository: Repository) -> Exception:
        """Find out whether what cannot be unpacked is what was asked for: a wrong digest is told before all else."""
        from engine.storage.incoming import WrongDiffId, WrongDigest, WrongSize

        wanted = transfer.wanted
        if isinstance(error, WrongDigest | WrongSize):
            return _wrong(wanted)
        if isinstance(error, WrongDiffId):
            return BadContent("layers from manifest don't match image configuration")
        found = hashlib.new(wanted.digest.partition(":")[0])
        async with aclosing(pieces(repository, wanted, lambda _: None)) as coming:
            async for data in coming:
                found.update(data)
        if found.hexdigest() != wanted.digest.partition(":")[2]:
            return _wrong(wanted)
        transfer.tell("Download complete")
        return NotRegistered(f"failed to register layer: {error}")


def _wrong(wanted: Descriptor) -> BadContent:
    return BadContent(f"filesystem layer verification failed for digest {wanted.digest}")


def _words(error: OSError) -> str:
    """Return what a file system refused, as Go says it."""
    cause = (error.strerror or str(error)).lower()
    return f"write {os.fsdecode(error.filename)}: {cause}" if error.filename else cause
