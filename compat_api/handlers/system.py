"""What a client asks of the server itself: is it there, which version, what machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from compat_api.answers import Answer, Json, Plain
from compat_api.headers import ping as ping_answer
from compat_api.problems import Problem

if TYPE_CHECKING:
    from compat_api.request import Request


async def ping(request: Request) -> Answer:
    """Answer GET and HEAD /_ping, with the bytes that the front door sends."""
    headers, body = ping_answer(request.method, time.time())
    return Plain(headers, body, complete=True)


async def version(request: Request) -> Answer:
    """Say which versions work here."""
    from compat_api.shapes.system import version as shape

    return Json(shape(await request.call(request.engine.system.versions)))


async def info(request: Request) -> Answer:
    """Describe the machine and the engine."""
    from compat_api.shapes.system import info as shape

    facts = await request.call(request.engine.system.facts)
    return Json(shape(facts, time.time_ns(), request.version))


async def auth(request: Request) -> Answer:
    """Try a user's credentials at a registry."""
    from compat_api.decode import decode_value
    from compat_api.problems import BadRequest
    from engine.go_json import SyntaxProblem, TrailingContent, loads
    from engine.registry.hosts import Credentials
    from engine.registry.login import login

    try:
        value = await request.reading(loads)
    except TrailingContent as more:  # which dockerd does not look at
        value = more.value
    except SyntaxProblem as problem:  # dockerd takes these for failures of its own
        raise Problem(str(problem)) from None
    try:
        given = decode_value(request.route.body, value)
    except BadRequest as problem:
        raise Problem(problem.message.removeprefix("invalid JSON: ")) from None
    credentials = Credentials(given.username, given.password, given.identitytoken)
    token = await login(given.serveraddress, credentials)
    return Json({"IdentityToken": token, "Status": "Login Succeeded"})
