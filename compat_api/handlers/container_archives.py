"""Files of containers as archives, as `docker cp` fetches and sends them."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, cast

from compat_api.answers import Answer, Empty, Plain
from compat_api.content_coding import chosen, packed
from compat_api.headers import COMMON, http_date
from compat_api.pieces import following
from compat_api.problems import BadRequest
from compat_api.shapes import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compat_api.request import Request
    from engine.containers.archive import PathStat


async def stat(request: Request) -> Answer:
    """Tell in a header what a path is."""
    found = await request.call(request.engine.containers.stat_path, request.name, _path(request))
    headers = sorted([*COMMON, paths.header(found)], key=lambda each: each[0])
    return Plain([*headers, ("Date", http_date(time()))], complete=True)


async def fetch(request: Request) -> Answer:
    """Send an archive of what is at a path."""
    pieces = request.engine.containers.archive_path(request.name, _path(request))
    found, first, second = await request.call(_begin, pieces)  # what is wrong with the path is found before the head
    coding = chosen(request.header("Accept-Encoding"))
    headers = [paths.header(found), *([("Content-Encoding", coding)] if coding else [])]
    stream = await request.stream("application/x-tar", headers=tuple(headers), at_once=second is not None)
    if second is None and not coding:
        await stream.write_last(first)
    else:
        whole = following([first, second or b""], cast("Iterator[bytes]", pieces))
        await stream.pour(packed(whole, coding))
    return None


def _begin(pieces: Iterator[PathStat | bytes]) -> tuple[PathStat, bytes, bytes | None]:
    """Return what a path is, and the first two pieces of its archive; None for the second where there is but one."""
    found, first, second = next(pieces), next(pieces, b""), next(pieces, None)
    return cast("PathStat", found), cast(bytes, first), cast("bytes | None", second)


async def extract(request: Request) -> Answer:
    """Unpack the archive that the client sends."""
    query = request.query
    await request.call(
        request.engine.containers.extract_to,
        request.name,
        _path(request),
        request.body_reader(),
        keep_kinds=query.flag("noOverwriteDirNonDir"),
        own_user=query.flag("copyUIDGID"),
    )
    return Empty(200)


def _path(request: Request) -> str:
    path = request.query.get("path")
    if not path:
        raise BadRequest("bad parameter: pathcannot be empty")
    return path
