"""The stream of what happens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from compat_api import versions
from compat_api.answers import Answer
from compat_api.problems import BadRequest, Problem
from compat_api.shapes.events import Filter, message, timestamp

if TYPE_CHECKING:
    from compat_api.request import Request


async def events(request: Request) -> Answer:
    """Send past events from since on, and those to come until until, or for ever."""
    query, journal = request.query, request.engine.events
    since, until = _moment(query.get("since")), _moment(query.get("until"))
    if until is not None and since is not None and until < since:
        words = f"`since` time ({query.get('since')}) cannot be after `until` time ({query.get('until')})"
        raise BadRequest(words)
    wanted = Filter(query.filters(), images_are_created=request.since(versions.IMAGE_CREATE_EVENTS))
    # The place in the journal is fixed before the head goes out: what happens after the client has seen it is sent.
    if since is not None:
        place = await request.hurry(journal.before_time, since)
    elif until is not None and until < time.time_ns():
        place = 0
    else:
        place = await request.look(journal.last_id)
    stream = await request.stream()
    async for batch in journal.follow(place, until=until):
        await stream.lines([message(event) for event in batch if wanted.matches(event)])
    return None


def _moment(text: str) -> int | None:
    """Return a time parameter in nanoseconds; dockerd calls a bad one its own failure."""
    try:
        return timestamp(text)
    except BadRequest as problem:
        raise Problem(problem.message) from None
