"""The runtime's complaints in dockerd's words; the texts on the right are what dockerd 28.5 answered."""

import pytest

from engine.errors import InvalidParameter
from engine.runtime.failures import exec_failed, start_failed

START = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: error during container init: "
)


@pytest.mark.parametrize(
    ("said", "program", "words", "code"),
    [
        ("executable file `nosuch` not found in $PATH: No such file or directory", "nosuch",
         'exec: "nosuch": executable file not found in $PATH', 127),
        ("executable file `/nosuch/x` not found in $PATH: No such file or directory", "/nosuch/x",
         'exec: "/nosuch/x": stat /nosuch/x: no such file or directory', 127),
        ("open executable: Permission denied", "/etc/passwd", 'exec: "/etc/passwd": permission denied', 126),
        ("open executable: Operation not permitted", "/etc", 'exec: "/etc": is a directory: permission denied', 126),
        ("setrlimit `RLIMIT_NOFILE`: Operation not permitted", "ls",
         "error setting rlimits for ready process: error setting rlimit type 7: operation not permitted", 128),
    ],
)  # fmt: skip
def test_start(said: str, program: str, words: str, code: int) -> None:
    error = start_failed(said, program)
    assert (str(error), error.exit_code, isinstance(error, InvalidParameter)) == (START + words, code, code != 128)


def test_an_unknown_cause_is_passed_on() -> None:
    error = start_failed("the moon is in the way", "ls")
    assert str(error).endswith("OCI runtime create failed: the moon is in the way")
    assert error.exit_code == 128


def test_exec() -> None:
    error = exec_failed("executable file `nosuch` not found in $PATH: No such file or directory", "nosuch")
    assert error.exit_code == 127
    assert str(error) == (
        "OCI runtime exec failed: exec failed: unable to start container process: "
        'exec: "nosuch": executable file not found in $PATH'
    )
    error = exec_failed("chdir `/nosuch`: No such file or directory", "ls")
    assert str(error).endswith('chdir to cwd ("/nosuch") set in config.json failed: no such file or directory')
