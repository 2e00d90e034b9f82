"""POST /images/create: an image from a registry, or from a tar archive that the client sends or a web server has."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from compat_api import versions
from compat_api.answers import Answer
from compat_api.handlers.image_streams import tell
from compat_api.shapes import images as shapes
from engine.images.platform_text import parse_platform
from engine.images.reference import parse_target

if TYPE_CHECKING:
    from compat_api.request import Request
    from engine.images.download import Download
    from engine.storage.source import Readable

PROGRESS_SECONDS = 0.1  # between two lines that tell how far a download is


async def create(request: Request) -> Answer:
    """Pull an image, or make one from a tar archive."""
    query = request.query
    platform = query.get("platform") if request.since(versions.IMPORT_TAKES_PLATFORM) else ""
    if query.get("fromImage"):
        from compat_api.handlers.image_transfers import pull

        return await pull(request, platform)
    source = query.get("fromSrc")
    if source != "-":
        return await _from_url(request, source, platform)
    made = await request.call(_import, request, request.body_reader(), source, platform)
    stream = await request.stream()
    await stream.progress({"status": made})
    return None


async def _from_url(request: Request, source: str, platform: str) -> Answer:
    """Import what a web server has, and tell how far it is."""
    from engine.images.download import open_url

    parse_target(request.query.get("repo"), request.query.get("tag"))
    parse_platform(platform)
    download = await request.call(open_url, source)
    stream = await request.stream()
    watched = _Watched(download)
    importing = asyncio.create_task(request.call(_import, request, watched, source, platform), name="import")
    importing.add_done_callback(lambda _: watched.lines.put_nowait(None))
    try:
        await stream.progress({"status": f"Downloading from {download.url}"})
        while (line := await watched.lines.get()) is not None:
            await stream.progress(line)
        await stream.progress({"status": await importing})
    except ConnectionError:
        raise
    except Exception as error:
        await tell(stream, error)
    finally:
        watched.stopped = True
        importing.cancel()
    return None


def _import(request: Request, archive: Readable, source: str, platform: str) -> str:
    query = request.query
    try:
        return request.engine.images.import_image(
            archive,
            query.get("repo"),
            query.get("tag"),
            query.get("message") or f"Imported from {source}",
            query.all("changes"),
            platform,
            request.labels,
            request.may_name,
        )
    finally:
        if isinstance(archive, _Watched):
            archive.close()


class _Watched:
    """A download that tells the loop how far it is, and that ends when nobody wants it any more."""

    def __init__(self, download: Download) -> None:
        self.lines: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.stopped = False
        self._download = download
        self._loop = asyncio.get_running_loop()
        self._told = 0.0

    def read(self, n: int, /) -> bytes:
        """Return up to n bytes; not to be called on the loop."""
        if self.stopped:
            raise ConnectionAbortedError("the client has gone")
        data = self._download.read(n)
        current, total, now = self._download.position, self._download.length, time.monotonic()
        if (data and current == total) or now - self._told >= PROGRESS_SECONDS:
            self._told = now
            self._loop.call_soon_threadsafe(self.lines.put_nowait, shapes.progress("", "Importing", current, total))
        return data

    def close(self) -> None:
        """Hang up."""
        self._download.close()
