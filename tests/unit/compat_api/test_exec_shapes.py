from __future__ import annotations

import json

import pytest

from compat_api.shapes.execs import inspect
from engine.containers.execs import ExecConfig, ExecSession

CONTAINER = "51928d6b3c3098c89f01a1ba581e512a46a3a0733a9c20fd6de64c50cd117710"
CREATED = ExecConfig(cmd=["sh", "-c", "exit 3"], attach_stdout=True, attach_stderr=True)
SPECIAL = ExecConfig(cmd=["true"], attach_stdout=True, user="1:1", privileged=True, detach_keys="ctrl-a")


@pytest.mark.parametrize(
    ("config", "status", "pid", "code", "said"),
    [
        (
            CREATED, "created", 0, None,
            '{"ID":"e","Running":false,"ExitCode":null,"ProcessConfig":{"tty":false,"entrypoint":"sh",'
            '"arguments":["-c","exit 3"],"privileged":false},"OpenStdin":false,"OpenStderr":true,"OpenStdout":true,'
            f'"CanRemove":false,"ContainerID":"{CONTAINER}","DetachKeys":"","Pid":0}}',
        ),
        (
            SPECIAL, "running", 7, None,
            '{"ID":"e","Running":true,"ExitCode":null,"ProcessConfig":{"tty":false,"entrypoint":"true",'
            '"arguments":[],"privileged":true,"user":"1:1"},"OpenStdin":false,"OpenStderr":false,"OpenStdout":true,'
            f'"CanRemove":false,"ContainerID":"{CONTAINER}","DetachKeys":"AQ==","Pid":7}}',
        ),
    ],
)  # fmt: skip
def test_inspect_is_dockerds(config: ExecConfig, status: str, pid: int, code: int | None, said: str) -> None:
    session = ExecSession("e", CONTAINER, config, status, pid, code)
    assert json.dumps(inspect(session), separators=(",", ":")) == said
