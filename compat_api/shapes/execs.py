"""An exec session as Docker's JSON. Pure."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from engine.containers.detach_keys import parse

if TYPE_CHECKING:
    from engine.containers.execs import ExecSession

Json = dict[str, Any]


def inspect(session: ExecSession) -> Json:
    """Return the answer to inspect; detach keys are told as the bytes that they stand for."""
    config = session.config
    entrypoint, *arguments = config.cmd or [""]
    process: Json = {
        "tty": config.tty,
        "entrypoint": entrypoint,
        "arguments": arguments,
        "privileged": config.privileged,
    }
    if config.user:
        process["user"] = config.user
    return {
        "ID": session.id,
        "Running": session.running,
        "ExitCode": session.exit_code,
        "ProcessConfig": process,
        "OpenStdin": config.attach_stdin,
        "OpenStderr": config.attach_stderr,
        "OpenStdout": config.attach_stdout,
        "CanRemove": False,
        "ContainerID": session.container_id,
        "DetachKeys": b64encode(parse(config.detach_keys) if config.detach_keys else b"").decode(),
        "Pid": session.pid,
    }
