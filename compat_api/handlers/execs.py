"""Exec sessions: further processes in a running container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compat_api import versions
from compat_api.answers import Answer, Empty, Json
from compat_api.framing import RAW_STREAM, content_type
from compat_api.headers import COMMON
from compat_api.problems import Problem
from compat_api.pump import encode, pump
from compat_api.saying import uint32
from engine.containers.detach_keys import InvalidDetachKeys
from engine.containers.execs import ExecConfig, ExecLeft, NoExecCommand
from engine.errors import EngineError

if TYPE_CHECKING:
    from compat_api.hijack import HijackedConnection
    from compat_api.models.execs import ExecCreateBody, ExecStartBody
    from compat_api.request import Request


async def create(request: Request) -> Answer:
    """Prepare an exec session."""
    body: ExecCreateBody = await request.body()
    if not body.cmd:
        raise NoExecCommand
    plain = body.model_dump()
    if not request.since(versions.CONSOLE_SIZE):
        plain["console_size"] = None
    try:
        exec_id = await request.hurry(request.engine.containers.exec_create, request.name, ExecConfig(**plain))
    except InvalidDetachKeys as error:
        raise Problem(f"Invalid escape keys ({error.keys}) provided") from None
    return Json({"Id": exec_id}, status=201)


async def inspect(request: Request) -> Answer:
    """Show an exec session."""
    from compat_api.shapes.execs import inspect as shape

    return Json(shape(await request.look(request.engine.containers.exec_get, request.name)))


async def resize(request: Request) -> Answer:
    """Set the size of an exec session's terminal."""
    height, width = uint32(request.query, "h", "height"), uint32(request.query, "w", "width")
    await request.engine.containers.exec_resize(request.name, height, width)
    return Empty(200)


async def start(request: Request) -> Answer:
    """Run an exec session, and stay connected to it unless asked to detach."""
    body: ExecStartBody = await request.body()
    containers = request.engine.containers
    session = await request.look(containers.exec_ready, request.name)
    if body.detach:
        await containers.exec_start(request.name, detach=True)
        return Empty(200)
    client = await request.hijack(None, head=_head(request, body))
    try:
        # Whether there is a terminal was said at create; start only says in which form it wants the output.
        attachment = await containers.exec_start(request.name, console_size=_size(request, body))
        assert attachment is not None
        try:
            config = session.config
            # Who wants no output is done with the end of the input.
            wants_output = config.attach_stdout or config.attach_stderr
            if wants_output or config.attach_stdin:
                await pump(
                    attachment,
                    client,
                    framed=not body.tty,
                    takes_input=config.attach_stdin,
                    ends_with_input=config.tty or not wants_output,
                )
            if attachment.detached:
                raise ExecLeft
        finally:
            await attachment.close()
    except EngineError as error:
        await _tell(client, error, framed=not body.tty)
    client.close()
    return None


async def _tell(client: HijackedConnection, error: EngineError, *, framed: bool) -> None:
    """Tell an error where dockerd does once the head is out: in the process's output."""
    from compat_api.errors import status_and_words

    _, words, _ = status_and_words(error)
    try:
        await client.write(encode([(1, f"{words}\r\n".encode())], framed=framed))
    except ConnectionError:
        pass


def _head(request: Request, body: ExecStartBody) -> bytes:
    """Return the answer's head, in which dockerd has its common headers here, but not in attach's."""
    if "Upgrade" in request.http.headers:
        kind = content_type(tty=body.tty, version=request.version)
        first = f"HTTP/1.1 101 UPGRADED\r\nContent-Type: {kind}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
    else:
        first = f"HTTP/1.1 200 OK\r\nContent-Type: {RAW_STREAM}\r\n"
    return (first + "".join(f"{name}: {value}\r\n" for name, value in COMMON) + "\r\n").encode()


def _size(request: Request, body: ExecStartBody) -> list[int] | None:
    if not (body.tty and request.since(versions.CONSOLE_SIZE)) or body.console_size is None:
        return None
    return [*body.console_size, 0, 0][:2]
