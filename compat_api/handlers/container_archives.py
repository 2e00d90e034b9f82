"""Files of containers as archives, as `docker cp` fetches and sends them."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, cast

from compat_api.answers import Answer, Empty, Plain
from compat_api.content_coding import chosen, packed
from compat_api.headers import COMMON, http_date
from compat_api.problems import BadRequest
from compat_api.shapes import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compat_api.request import Request


async def stat(request: Request) -> Answer:
    """Tell in a header what a path is."""
    found = await request.call(request.engine.containers.stat_path, request.name, _path(request))
    headers = sorted([*COMMON, paths.header(found)], key=lambda each: each[0])
    return Plain([*headers, ("Date", http_date(time()))], complete=True)


async def fetch(request: Request) -> Answer:
    """Send an archive of what is at a path."""
    from engine.containers.archive import PathStat

    pieces = request.engine.containers.archive_path(request.name, _path(request))
    found = await request.call(next, pieces)  # what is wrong with the path is found before the head goes out
    assert isinstance(found, PathStat)
    coding = chosen(request.header("Accept-Encoding"))
    headers = [paths.header(found), *([("Content-Encoding", coding)] if coding else [])]
    stream = await request.stream("application/x-tar", headers=tuple(headers))
    await stream.pour(packed(cast("Iterator[bytes]", pieces), coding))
    return None


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
