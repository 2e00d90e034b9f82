"""Images: one verb per module, each imported when it is first used.

Names are dockerd's: "busybox", "localhost:5000/a/b:tag", "sha256:...", an id or its beginning. The layers and documents
are in engine.storage; the only other record of an image is the events about it.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from engine import Engine
    from engine.images.distribution import Distribution
    from engine.images.listing import ImageQuery
    from engine.images.load import Check, LoadEvent
    from engine.images.platform import Platform
    from engine.images.progress import TransferEvent
    from engine.images.prune import Pruned
    from engine.images.record import HistoryEntry, Image, ImageDetails, ImageSummary, Removed
    from engine.images.reference import Reference
    from engine.images.search import Found
    from engine.registry.hosts import Credentials
    from engine.registry.transfers import Transfers
    from engine.storage.source import Readable

    Filters = dict[str, list[str]]


class Images:
    """The images of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.recording = threading.Lock()  # two pulls that share layers record one after the other
        self._transfers: dict[int, tuple[AbstractEventLoop, Transfers]] = {}

    def pull(
        self,
        reference: Reference,
        platform: Platform | None = None,
        credentials: Credentials | None = None,
    ) -> AsyncGenerator[TransferEvent]:
        """Pull an image, or with neither tag nor digest all of a repository's; see engine.images.pull."""
        from engine.images.pull import pull

        return pull(self._engine, reference, platform, credentials)

    def push(
        self,
        reference: Reference,
        platform: Platform | None = None,
        credentials: Credentials | None = None,
    ) -> AsyncGenerator[TransferEvent]:
        """Push an image's tag, or all tags of a repository; see engine.images.push."""
        from engine.images.push import push

        return push(self._engine, reference, platform, credentials)

    def distribution(
        self, reference: Reference, credentials: Credentials | None = None
    ) -> Coroutine[Any, Any, Distribution]:
        """Ask a registry what a name stands for; see engine.images.distribution."""
        from engine.images.distribution import distribution

        return distribution(reference, credentials)

    def search(
        self,
        term: str,
        limit: int = 0,
        filters: Mapping[str, builtins.list[str]] | None = None,
        credentials: Credentials | None = None,
    ) -> Coroutine[Any, Any, builtins.list[Found]]:
        """Search a registry for repositories, at most limit of them, 0 for 25; see engine.images.search."""
        from engine.images.search import search

        return search(term, limit, filters, credentials)

    def transfers(self) -> Transfers:
        """Return the layers that are being fetched on the running loop; for the verbs, not for callers."""
        from asyncio import get_running_loop

        from engine.registry.transfers import Transfers

        loop = get_running_loop()
        known = self._transfers.get(id(loop))
        if known is None or known[0] is not loop:
            known = self._transfers[id(loop)] = (loop, Transfers(self._engine.store, self._engine.settings.locks))
        return known[1]

    def resolve(self, reference: str) -> Image:
        """Return the image that a name, digest, id or id prefix stands for. Raises NoSuchImage, InvalidReference."""
        from engine.images.resolve import resolve

        return resolve(self._engine, reference)

    def list(self, query: ImageQuery | None = None) -> list[ImageSummary]:
        """Return the images that a query names, newest first; see engine.images.listing."""
        from engine.images.listing import ImageQuery, list_images

        return list_images(self._engine, query or ImageQuery())

    def inspect(self, reference: str, platform: Platform | None = None) -> ImageDetails:
        """Return everything about an image. Raises NoSuchImage, InvalidReference, WrongPlatform."""
        from engine.images.inspect import inspect

        return inspect(self._engine, reference, platform)

    def history(self, reference: str, platform: Platform | None = None) -> Iterable[HistoryEntry]:
        """Return the steps of an image's making, newest first. Raises NoSuchImage, InvalidReference, WrongPlatform."""
        from engine.images.inspect import history

        return history(self._engine, reference, platform)

    def load(
        self, stream: Readable, platform: Platform | None = None, check: Check | None = None
    ) -> Iterator[LoadEvent]:
        """Load the images of an archive as it streams in; see engine.images.load."""
        from engine.images.load import load

        return load(self._engine, stream, platform, check)

    def import_image(
        self,
        stream: Readable,
        repository: str = "",
        tag: str = "",
        message: str = "",
        changes: Iterable[str] = (),
        platform: str = "",
        labels: Mapping[str, str] | None = None,
        may_name: Callable[[str], None] | None = None,
    ) -> str:
        """Make an image of one layer from a tar stream; returns sha256:<id>; see engine.images.importing."""
        from engine.images.importing import import_image

        given = [*changes]
        return import_image(self._engine, stream, repository, tag, message, given, platform, labels or {}, may_name)

    def tag(self, reference: str, repository: str, tag: str = "") -> None:
        """Give an image another name. Raises NoSuchImage, InvalidReference."""
        from engine.images.tag import tag_image

        tag_image(self._engine, reference, repository, tag)

    def remove(
        self, reference: str, *, force: bool = False, no_prune: bool = False, platform: Platform | None = None
    ) -> Iterable[Removed]:
        """Take a name from an image, and the image away with its last one; see engine.images.remove."""
        from engine.images.remove import remove

        return remove(self._engine, reference, force=force, prune=not no_prune, platform=platform)

    def layers_size(self) -> int:
        """Return the bytes that the layers of all images take, each counted once."""
        from engine.images.listing import layers_size

        return layers_size(self._engine)

    def prune(self, filters: Filters | None = None) -> Pruned:
        """Remove the images that nothing needs; see engine.images.prune. Raises InvalidFilter."""
        from engine.images.prune import prune

        return prune(self._engine, filters or {})

    def save(self, references: Iterable[str], platform: Platform | None = None) -> Iterator[bytes]:
        """Give an archive of images, in pieces; see engine.images.save."""
        from engine.images.save import save

        return save(self._engine, [*references], platform)
