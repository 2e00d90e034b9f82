"""What a runtime says when it cannot make a process, in the words and exit codes that dockerd gives. Pure.

dockerd passes on what runc says; crun says the same things in its own words. Clients look at these texts: the
docker CLI turns them into its exit status 126 or 127.
"""

from __future__ import annotations

import re

from engine.errors import EngineError, InvalidParameter

CREATE_PREFIX = "failed to create task for container: failed to create shim task: OCI runtime create failed: "
RUNC_CREATE = "runc create failed: unable to start container process: "
RUNC_REFUSED = "runc create failed: "
IN_INIT = "error during container init: "
MISMATCH = (
    ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is "
    "the expected type"
)
EXEC_PREFIX = "OCI runtime exec failed: exec failed: unable to start container process: "

NOT_FOUND, NOT_EXECUTABLE, OTHER = 127, 126, 128

_RLIMITS = (
    "CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME"
).split()


class ProcessFailed(EngineError):
    """A process could not be made; str() is dockerd's text, exit_code what the container or exec session shows."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class StartFailed(ProcessFailed):
    """A container's process could not be made."""


class UnusableProgram(StartFailed, InvalidParameter):
    """A container names a program that is missing or cannot be run."""


class ExecFailed(ProcessFailed):
    """An exec session's process could not be made."""


class UnusableExecProgram(ExecFailed, InvalidParameter):
    """An exec session names a program that is missing or cannot be run."""


def start_failed(text: str, program: str) -> StartFailed:
    """Return the error for what the runtime wrote when it was to make a container running program."""
    if refused := refusal(text):
        return StartFailed(CREATE_PREFIX + RUNC_REFUSED + refused, OTHER)
    cause, code = explain(text, program)
    if cause is None:
        said, code = _classified(text)
        return (UnusableProgram if code != OTHER else StartFailed)(CREATE_PREFIX + said, code)
    kind = UnusableProgram if code in (NOT_FOUND, NOT_EXECUTABLE) else StartFailed
    return kind(CREATE_PREFIX + RUNC_CREATE + IN_INIT + cause, code)


def refusal(text: str) -> str:
    """Return runc's words for what it finds wrong with a spec before it makes anything, "" for other failures."""
    if found := re.search(r"the sysctl `([^`]*)` requires a new network namespace", text):
        return f'sysctl "{found[1]}" not allowed in host network namespace'
    if found := re.search(r"the sysctl `([^`]*)` requires a new IPC namespace", text):
        return f'sysctl "{found[1]}" is not allowed in the hosts ipc namespace'
    if found := re.search(r"the sysctl `([^`]*)` (?:is not namespaced|requires a new UTS namespace)", text):
        return f'sysctl "{found[1]}" is not in a separate kernel namespace'
    if found := re.search(r"invalid rlimit `(RLIMIT_[^`]*)`", text):
        return f"wrong rlimit value: {found[1]}"
    return ""


def _classified(text: str) -> tuple[str, int]:
    """Return a failure's text and exit code by the kernel's error in it, as dockerd reads them out of runc's texts."""
    lower = text.lower()
    if "no such file or directory" in lower:
        return text, NOT_FOUND
    if "not a directory" in lower:
        return text + MISMATCH, NOT_FOUND
    if "is a directory" in lower or "permission denied" in lower:
        return text, NOT_EXECUTABLE
    return text, OTHER


def exec_failed(text: str, program: str) -> ExecFailed:
    """Return the error for what the runtime wrote when it was to run program in a container."""
    cause, code = explain(text, program)
    if cause is None:
        return ExecFailed(EXEC_PREFIX + text, NOT_EXECUTABLE)
    kind = UnusableExecProgram if code in (NOT_FOUND, NOT_EXECUTABLE) else ExecFailed
    return kind(EXEC_PREFIX + cause, code)


def explain(text: str, program: str) -> tuple[str | None, int]:
    """Return runc's words for a cause that crun states in its own, and the exit code; (None, 128) for others."""
    if "not found in $PATH" in text:
        if "/" in program:
            return f'exec: "{program}": stat {program}: no such file or directory', NOT_FOUND
        return f'exec: "{program}": executable file not found in $PATH', NOT_FOUND
    if found := re.search(r"sethostname: (.*)", text):
        return f"sethostname: {found[1].lower()}", OTHER
    if not program and ("Is a directory" in text or "open executable" in text):
        return 'exec: "": executable file not found in $PATH', NOT_FOUND
    if "open executable: Operation not permitted" in text or "Is a directory" in text:
        return f'exec: "{program}": is a directory: permission denied', NOT_EXECUTABLE
    if "open executable: Permission denied" in text or re.search(r"exec[^:]*: Permission denied", text):
        return f'exec: "{program}": permission denied', NOT_EXECUTABLE
    if "Exec format error" in text:
        return f"exec {program}: exec format error", OTHER
    if found := re.search(r"chdir(?: to)? `([^`]*)`: (.*)", text):
        cause = found[2].lower()
        code = NOT_FOUND if "no such file" in cause else NOT_EXECUTABLE
        return f'chdir to cwd ("{found[1]}") set in config.json failed: {cause}', code
    if (found := re.search(r"setrlimit `RLIMIT_(\w+)`: (.*)", text)) and found[1] in _RLIMITS:
        number = _RLIMITS.index(found[1])
        return (
            f"error setting rlimits for ready process: error setting rlimit type {number}: {found[2].lower()}",
            OTHER,
        )
    if found := re.search(r"(exec: .*?)$", text):
        code = NOT_FOUND if "not found" in found[1] or "no such file" in found[1] else NOT_EXECUTABLE
        return found[1], code
    return None, OTHER
