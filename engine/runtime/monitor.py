"""conmon, the small process that stays with a container or an exec session while it runs.

It calls the runtime's create or exec, keeps stdio, terminal and log, writes the exit code to the file `exit` in the
run folder and then runs the exit command. In the run folder (the OCI bundle) it makes `attach`, a SEQPACKET
socket (a message from it is one byte 2 for stdout or 3 for stderr, then data; to it, stdin), and the FIFO `ctl`
("1 HEIGHT WIDTH\\n" resizes the terminal). It reports through a pipe as lines of JSON: first the pid, or a
negative number with the runtime's message when the process could not be made; for exec then the exit code.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from engine.errors import Unavailable
from engine.lean_dataclasses import dataclass
from engine.runtime.oci import Runtime, RuntimeFailed, which

RESIZE = 1
STDOUT, STDERR = 2, 3  # how conmon marks the streams on its attach socket
MAX_STDIN_MESSAGE = 32768  # conmon reads so much of a message and drops the rest

log = logging.getLogger(__name__)


class MonitorMissing(Unavailable):
    """conmon is not installed."""

    def __init__(self) -> None:
        super().__init__("cannot find conmon: install it")


@dataclass(frozen=True, slots=True)
class MonitorPlan:
    """All that conmon is told about one container or exec session."""

    runtime: Runtime
    container_id: str
    run_folder: Path
    exit_command: Sequence[str]
    log_path: str  # "k8s-file:/path", "journald" or "null"
    name: str = ""  # the journal's CONTAINER_NAME
    log_tag: str = ""  # the journal's CONTAINER_TAG; nothing but a journal has one
    log_size: int = 0  # bytes at which conmon begins the log file anew, without what was in it; 0 is never
    terminal: bool = False
    stdin: bool = False
    leave_stdin_open: bool = False
    exec_id: str | None = None  # set for an exec session, whose process is run_folder/process.json
    attach_first: bool = False  # an exec session waits until its attacher is there


def arguments(conmon: str, plan: MonitorPlan) -> list[str]:
    """Return conmon's command line."""
    run = plan.run_folder
    command = [conmon, "--api-version", "1", "--cid", plan.container_id, "--cuuid", plan.exec_id or plan.container_id]
    command += ["--name", plan.name or plan.container_id, "--runtime", plan.runtime.path]
    for argument in plan.runtime.global_arguments:
        command += [f"--runtime-arg={argument}"]
    command += ["--bundle", str(run), "--full-attach", "--persist-dir", str(run), "--no-sync-log"]
    command += ["--container-pidfile", str(run / "pidfile"), "--conmon-pidfile", str(run / "conmon.pid")]
    command += ["--log-path", plan.log_path, "--log-level", "error"]
    if plan.log_tag:
        command.append(f"--log-tag={plan.log_tag}")
    if plan.log_size:
        command += ["--log-size-max", str(plan.log_size)]
    if plan.terminal:
        command.append("--terminal")
    if plan.stdin:
        command.append("--stdin")
    if plan.leave_stdin_open:
        command.append("--leave-stdin-open")
    if plan.exec_id is not None:
        command += ["--exec", "--exec-process-spec", str(run / "process.json")]
    if plan.attach_first:
        command.append("--exec-attach")
    command += ["--exit-command", plan.exit_command[0]]
    for argument in plan.exit_command[1:]:
        command += ["--exit-command-arg", argument]
    return command


class Launch:
    """A monitor being started: spawned, then let go, then asked for the process's pid."""

    def __init__(self, plan: MonitorPlan, *, keep_open: Sequence[int] = ()) -> None:
        """Spawn conmon, which waits until it is released.

        keep_open are descriptors that it shall hold while the container lives. Raises MonitorMissing.
        """
        conmon = which("conmon")
        if conmon is None:
            raise MonitorMissing
        command = arguments(conmon, plan)
        log.debug("Run %s", shlex.join(command))
        self._sync, sync_child = os.pipe2(os.O_CLOEXEC)
        start_child, self._start = os.pipe2(os.O_CLOEXEC)
        self._attach, attach_child = os.pipe2(os.O_CLOEXEC)
        self._buffer = b""
        try:
            environment = {
                "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
                "TZ": "UTC0",  # of the times in the log
                "_OCI_SYNCPIPE": str(sync_child),
                "_OCI_STARTPIPE": str(start_child),
                "_OCI_ATTACHPIPE": str(attach_child),
            }
            with subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                pass_fds=[sync_child, start_child, attach_child, *keep_open],
            ) as process:
                # conmon waits for the start byte before it forks; what was spawned then ends at once.
                os.write(self._start, b"\0")
                process.wait()
        except BaseException:
            self.close()
            raise
        finally:
            for fd in (sync_child, start_child, attach_child):
                os.close(fd)

    def wait_attachable(self) -> None:
        """Block until the attach socket of an exec session is there; raises RuntimeFailed when conmon ended."""
        if not os.read(self._attach, 4096):
            raise RuntimeFailed("exec", "the monitor ended before it began")

    def release(self) -> None:
        """Let an exec session whose attacher is connected run."""
        os.write(self._start, b"\0")

    def pid(self) -> int:
        """Block until the runtime has made the process; return its pid.

        Raises RuntimeFailed with the runtime's words when it could not.
        """
        number, message = self._report("create")
        if number <= 0:
            raise RuntimeFailed("create", message)
        return number

    def exit_code(self) -> int | None:
        """Block until an exec session's process has ended; return its code, None when the monitor was killed."""
        try:
            return self._report("exec")[0]
        except RuntimeFailed:
            return None

    def close(self) -> None:
        """Close this side of the pipes; the monitor goes on."""
        for fd in (self._sync, self._start, self._attach):
            try:
                os.close(fd)
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise
        self._sync = self._start = self._attach = -1

    def _report(self, verb: str) -> tuple[int, str]:
        while b"\n" not in self._buffer:
            data = os.read(self._sync, 65536)
            if not data:
                raise RuntimeFailed(verb, "the monitor ended without a report", silent=True)
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        report = json.loads(line, strict=False)
        return int(report["data"]), str(report.get("message", "")).strip()


def resize(run_folder: Path, height: int, width: int) -> None:
    """Set the size of the terminal whose monitor has this run folder. Raises OSError when there is no monitor."""
    fd = os.open(run_folder / "ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.write(fd, b"%d %d %d\n" % (RESIZE, height, width))
    finally:
        os.close(fd)


def exit_code(run_folder: Path) -> int | None:
    """Return the exit code that the monitor left, None while there is none."""
    try:
        text = (run_folder / "exit").read_bytes()
    except FileNotFoundError:
        return None
    return int(text) if text else None


def monitor_pid(run_folder: Path) -> int:
    """Return conmon's pid as it wrote it, 0 when it did not."""
    try:
        return int((run_folder / "conmon.pid").read_bytes())
    except (FileNotFoundError, ValueError):
        return 0


def alive(run_folder: Path) -> bool:
    """Tell whether the monitor of this run folder still runs (a reader on its control FIFO is proof)."""
    try:
        fd = os.open(run_folder / "ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, OSError):
        return False
    os.close(fd)
    return True
