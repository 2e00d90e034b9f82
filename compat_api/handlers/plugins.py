"""Plugins, of which there are none: looked for as dockerd does, never found, and not taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compat_api.answers import Answer, Json
from compat_api.problems import BadRequest, Problem
from compat_api.saying import answering

if TYPE_CHECKING:
    from compat_api.request import Request
    from engine.images.reference import Reference

_FILTERS = ("capability", "enabled")


class NoSuchPlugin(Problem):
    """There is no plugin of this name."""

    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f'plugin "{name}" not found')


async def list_(request: Request) -> Answer:
    """List plugins."""
    filters = request.query.filters()
    for name in filters:
        if name not in _FILTERS:
            raise BadRequest(f"invalid filter '{name}'")
    enabled = filters.get("enabled", [])
    if any(value not in ("true", "false", "1", "0") for value in enabled) or len(set(enabled)) > 1:
        raise BadRequest(f"invalid filter 'enabled=[{' '.join(enabled)}]'")
    return Json([])


async def privileges(request: Request) -> Answer:
    """Tell what a plugin asks for."""
    _reference(request.query.get("remote"))
    return Json([])


async def pull(request: Request) -> Answer:
    """Refuse to install a plugin."""
    await _privileges(request)
    _reference(request.query.get("remote"))
    if request.query.get("name"):
        _reference(request.query.get("name"))
    raise _unsupported()


async def create(request: Request) -> Answer:
    """Refuse to make a plugin."""
    from engine.errors import InvalidReference
    from engine.images.reference import parse

    name = request.query.get("name")
    try:
        parse(name)
    except InvalidReference as error:
        raise Problem(f"failed to parse reference {name}: {error}") from None
    raise _unsupported()


async def missing(request: Request) -> Answer:
    """Say that there is no such plugin."""
    raise NoSuchPlugin(request.name)


async def enable(request: Request) -> Answer:
    """Say that there is no such plugin, once the time limit is one."""
    from compat_api.query import go_integer

    try:
        go_integer(request.query.get("timeout"), function="Atoi")
    except BadRequest as problem:
        raise Problem(problem.message) from None
    raise NoSuchPlugin(request.name)


async def upgrade(request: Request) -> Answer:
    """Say that there is no such plugin to upgrade."""
    from compat_api.errors import familiar

    await _privileges(request)
    _reference(request.query.get("remote"))
    _reference(request.name)
    raise NoSuchPlugin(familiar(request.name))


async def set_(request: Request) -> Answer:
    """Say that there is no such plugin to configure."""
    await _listed(request, "[]string")
    raise NoSuchPlugin(request.name)


def _reference(text: str) -> Reference:
    """Parse a plugin's name; dockerd calls a bad one its own failure."""
    from engine.errors import InvalidReference
    from engine.images.reference import parse

    with answering(500, InvalidReference):
        return parse(text)


async def _privileges(request: Request) -> None:
    """Read the body that says what a plugin may do, of which nothing is needed."""
    await _listed(request, "types.PluginPrivileges", items="plugins:Privilege")


async def _listed(request: Request, go_type: str, items: str = "") -> None:
    from compat_api.decode import decode_list

    kind, length_known = request.header("Content-Type"), request.header("Transfer-Encoding") == ""
    await request.reading(lambda body: decode_list(body, kind, go_type, length_known=length_known, items=items))


def _unsupported() -> Problem:
    return Problem("plugins are not supported", status=501)
