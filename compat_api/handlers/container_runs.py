"""Starting, stopping and waiting for containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compat_api import versions
from compat_api.answers import Answer, Empty, Json
from compat_api.problems import BadRequest, Problem
from compat_api.saying import atoi, saying, uint32
from engine.errors import EngineError, NoSuchContainer

if TYPE_CHECKING:
    from compat_api.request import Request
    from engine.containers.wait import ExitResult

EMPTY_BODY = 7  # dockerd takes a body up to this length for none


async def start(request: Request) -> Answer:
    """Start a container."""
    length = request.header("Content-Length")
    if request.header("Transfer-Encoding") or (length.isdigit() and int(length) > EMPTY_BODY):
        raise BadRequest(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"
        )
    if request.query.get("checkpoint"):
        raise BadRequest("checkpoint is only supported in experimental mode")
    if request.query.get("checkpoint-dir"):
        raise Problem("custom checkpointdir is not supported", status=403)
    await request.call(request.engine.containers.start, request.name)
    return Empty()


async def checkpoint(request: Request) -> Answer:
    """Refuse checkpoints, as a dockerd does that was not started with its experiments."""
    raise Problem(
        "This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to "
        "enable it.",
        status=501,
    )


async def stop(request: Request) -> Answer:
    """Stop a container."""
    from engine.containers.signals import InvalidSignal

    signal, timeout = _gently(request)
    with saying(f"cannot stop container: {request.name}", InvalidSignal, status=500):
        await request.call(request.engine.containers.stop, request.name, signal=signal, timeout=timeout)
    return Empty()


async def restart(request: Request) -> Answer:
    """Stop a container and start it again."""
    signal, timeout = _gently(request)
    await request.look(request.engine.containers.get, request.name)  # what is wrong with the name is said as it is
    with saying(f"Cannot restart container {request.name}", EngineError, status=500):
        await request.call(request.engine.containers.restart, request.name, signal=signal, timeout=timeout)
    return Empty()


async def kill(request: Request) -> Answer:
    """Send a signal to a container."""
    from engine.containers.signals import InvalidSignal

    with saying(f"cannot kill container: {request.name}", InvalidSignal, NoSuchContainer):
        await request.call(request.engine.containers.kill, request.name, request.query.get("signal"))
    return Empty()


async def pause(request: Request) -> Answer:
    """Freeze a container."""
    await request.call(request.engine.containers.pause, request.name)
    return Empty()


async def unpause(request: Request) -> Answer:
    """Let a frozen container go on."""
    await request.call(request.engine.containers.unpause, request.name)
    return Empty()


async def resize(request: Request) -> Answer:
    """Set the size of a container's terminal."""
    height, width = uint32(request.query, "h", "height"), uint32(request.query, "w", "width")
    await request.call(request.engine.containers.resize, request.name, height, width)
    return Empty(200)


async def wait(request: Request) -> Answer:
    """Wait for a container's end; the head of the answer goes out as soon as the end cannot be missed."""
    condition = request.query.get("condition") if request.since(versions.WAIT_TAKES_CONDITION) else ""
    async with await request.engine.containers.wait(request.name, condition or "not-running") as waiter:
        if not request.since(versions.WAIT_TAKES_CONDITION):
            return Json(_exit_answer(await waiter.result()))
        stream = await request.stream(at_once=waiter.known is None)
        result = await waiter.result()
    if result.error and condition == "removed" and not request.since(versions.WAIT_TELLS_ERROR):
        return None  # such a client takes an empty answer for the error that it cannot read
    await stream.last_line(_exit_answer(result))
    return None


def _gently(request: Request) -> tuple[str, int | None]:
    """Return the signal and the seconds that stop and restart were given."""
    return request.query.get("signal") if request.since(versions.STOP_TAKES_SIGNAL) else "", atoi(request.query, "t")


def _exit_answer(result: ExitResult) -> dict[str, object]:
    answer: dict[str, object] = {"StatusCode": result.exit_code}
    if result.error:
        answer["Error"] = {"Message": result.error}
    return answer
