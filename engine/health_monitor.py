"""The health monitor: one small process for each checked container, which probes it while it runs.

    python -I -S health_monitor.py DATABASE WAKE_FILE RUN_FOLDER CONTAINER_ID RUN PID STARTED
        INTERVAL TIMEOUT START_PERIOD START_INTERVAL RETRIES COMMAND DEFINITION -- RUNTIME [GLOBAL ARGUMENTS]

Started by engine.containers.health. It holds a flock on RUN_FOLDER/health while it lives, so that whoever looks knows;
a second one for the same container ends at once. Each probe is a process that the runtime makes in the container
from RUN_FOLDER/health.json (an OCI process), with a row among the exec sessions while it runs, as in dockerd. What
it finds goes into the state database: one transaction for the probe, the container's health and the events of both.

It stays resident, so it imports next to nothing: neither the engine, nor json, nor subprocess. JSON is made by SQLite.
Times are nanoseconds.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sqlite3
import sys
import time

STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
KEPT_PROBES = 5
OUTPUT_BYTES = 4096
SECOND = 1_000_000_000
SESSION_NANOSECONDS = 600 * SECOND  # how long the session of a probe that has ended can still be asked for
KILLED, TIMED_OUT, CANNOT_START = 137, 127, 126
LOOK_AFTER = 25_000_000  # when a probe that says nothing has a process to tell of
DRAIN_SECONDS = 2.0  # after a kill, for a process that cannot die at once
LOOKS, LOOK_SECONDS = 5, 0.02  # how often and how long somebody may look whether the lock is held


def take(lock: int) -> None:
    """Take the flock; raises BlockingIOError when another process keeps it, not when one looks at it for a moment."""
    for left in range(LOOKS, -1, -1):
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise
            time.sleep(LOOK_SECONDS)
    return None


class Monitor:
    """One container's health monitor."""

    def __init__(self, arguments: list[str]) -> None:
        split = arguments.index("--")
        own, self._runtime = arguments[:split], arguments[split + 1 :]
        self._database, self._wake_file, self._folder, self._id = own[:4]
        self._run, self._pid, self._started = int(own[4]), int(own[5]), int(own[6])
        self._interval, self._timeout, self._start_period, self._start_interval, self._retries = map(int, own[7:12])
        self._command, self._definition = own[12:14]
        self._state = STARTING
        self._ended = -1  # a pidfd of the container's first process
        self._told_to_end, self._ending = -1, -1  # a pipe that SIGTERM writes to
        self._reasons: dict[str, str] = {}
        self._connection: sqlite3.Connection | None = None

    def run(self) -> None:
        """Probe until the container ends or SIGTERM comes."""
        lock = os.open(f"{self._folder}/health", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            take(lock)
            self._ended = os.pidfd_open(self._pid)
        except (BlockingIOError, ProcessLookupError):
            return
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d" % os.getpid(), 0)
        self._told_to_end, self._ending = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGTERM, lambda *_: os.write(self._ending, b"."))
        if not self._is_ours():
            return
        self._end_orphans()
        pause = self._pause()
        pause = max(self._started + pause - time.time_ns(), 0) or pause  # this process took its time to get here
        while not self._wait([self._ended, self._told_to_end], pause):
            if not self._probe():
                return
            pause = self._pause()

    def _is_ours(self) -> bool:
        """Tell whether the process is still the container's, now that nobody else can be given its number."""
        row = self._open().execute("SELECT run, pid, health FROM containers WHERE id = ?", (self._id,)).fetchone()
        if row is None or (row[0], row[1]) != (self._run, self._pid):
            return False
        self._state = row[2]
        return True

    def _pause(self) -> int:
        """Return how long to wait for the next probe."""
        if self._state == STARTING and time.time_ns() - self._started < self._start_period:
            return self._start_interval
        return self._interval

    def _probe(self) -> bool:
        """Run one probe and record it; False when the container has ended meanwhile."""
        exec_id, begun = os.urandom(32).hex(), time.time_ns()
        with self._transaction() as execute:
            if not self._still_runs(execute):
                return False
            execute(
                "INSERT INTO exec_sessions (id, container_id, created, definition, status) VALUES (?, ?, ?, ?, ?)",
                (exec_id, self._id, begun, self._definition, "running"),
            )
            self._event(execute, f"exec_create: {self._command}", execID=exec_id)
            self._event(execute, f"exec_start: {self._command}", execID=exec_id)
            execute(
                "DELETE FROM exec_sessions WHERE container_id = ? AND status = 'exited' AND finished < ? "
                "AND json_extract(definition, '$.probe')",
                (self._id, begun - SESSION_NANOSECONDS),
            )
        probe = Probe(self._runtime, self._folder, self._id)
        cut_off = self._watch(probe, exec_id)
        code = probe.finish()
        ended = time.time_ns()
        output = probe.text()
        if cut_off == "timeout":
            output = f"Health check exceeded timeout ({duration(self._timeout)})" + (f": {output}" if output else "")
        with self._transaction() as execute:
            self._end_session(execute, exec_id, probe.exit_code(cut_off), told=probe.pid > 0)
            if cut_off not in ("", "timeout") or not self._still_runs(execute):
                return False
            if not probe.pid:
                code, output = -1, self._reason(probe.text())
            elif cut_off:
                code = -1
            self._record(execute, code, begun, ended, output)
        return True

    def _watch(self, probe: Probe, exec_id: str) -> str:
        """Wait for a probe's end and read what it says; tell why it was cut off, "" when it was not."""
        deadline = time.monotonic_ns() + self._timeout
        told, looked = False, False
        while True:
            waiting = [fd for fd in (probe.output, probe.process) if fd >= 0]
            if not waiting:
                return ""
            left = deadline - time.monotonic_ns()
            ready = self._wait([*waiting, self._ended, self._told_to_end], left if looked else min(left, LOOK_AFTER))
            looked = True
            if not told and probe.look_for_pid():
                told = True
                with self._transaction() as execute:
                    execute(
                        "UPDATE exec_sessions SET pid = ?, monitor_pid = ? WHERE id = ?",
                        (probe.pid, probe.runtime, exec_id),
                    )
            if not ready and time.monotonic_ns() < deadline:
                continue
            if not ready:
                probe.kill()
                return "timeout"
            if self._ended in ready or self._told_to_end in ready:
                probe.kill()
                return "end"
            probe.take(ready)

    def _record(self, execute: Execute, code: int, begun: int, ended: int, output: str) -> None:
        """Put a probe's result into the container's record, as dockerd counts it."""
        row = execute("SELECT health, health_streak FROM containers WHERE id = ?", (self._id,)).fetchone()
        before, streak = row[0], row[1]
        state = before
        if code == 0:
            state, streak = HEALTHY, 0
        elif not (before == STARTING and begun - self._started < self._start_period):
            streak += 1
            if streak >= self._retries:
                state = UNHEALTHY
        execute(
            "INSERT INTO probes (container_id, started, finished, exit_code, output) VALUES (?, ?, ?, ?, ?)",
            (self._id, begun, ended, code, output),
        )
        execute(
            "DELETE FROM probes WHERE container_id = ?1 AND id NOT IN "
            "(SELECT id FROM probes WHERE container_id = ?1 ORDER BY id DESC LIMIT ?2)",
            (self._id, KEPT_PROBES),
        )
        execute("UPDATE containers SET health = ?, health_streak = ? WHERE id = ?", (state, streak, self._id))
        if state != before:
            self._event(execute, f"health_status: {state}")
        self._state = state

    def _reason(self, said: str) -> str:
        """Return in dockerd's words why a probe's process could not be made; said is the runtime's."""
        if said not in self._reasons:
            # This alone needs the engine, so a child loads it.
            read, write = os.pipe()
            child = os.fork()
            if not child:
                try:
                    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
                    from engine.containers.health import start_failure

                    os.write(write, start_failure(said, self._definition).encode("utf-8", "replace"))
                finally:
                    os._exit(0)
            os.close(write)
            with open(read, "rb") as file:
                self._reasons = {said: file.read().decode("utf-8", "replace") or said}
            os.waitpid(child, 0)
        return self._reasons[said]

    def _end_orphans(self) -> None:
        """End the probes that a monitor before this one left when it was killed."""
        query = (
            "SELECT id, pid, monitor_pid FROM exec_sessions WHERE container_id = ? AND status = 'running' "
            "AND json_extract(definition, '$.probe')"
        )
        for exec_id, pid, runtime in self._open().execute(query, (self._id,)).fetchall():
            pid = pid or read_pid(f"{self._folder}/health.pid")
            kill_tree({pid, runtime}, self._id)
            with self._transaction() as execute:
                self._end_session(execute, exec_id, KILLED, told=pid > 0)

    def _end_session(self, execute: Execute, exec_id: str, code: int, *, told: bool) -> None:
        done = execute(
            "UPDATE exec_sessions SET status = 'exited', exit_code = ?, pid = 0, finished = ? "
            "WHERE id = ? AND status = 'running'",
            (code, time.time_ns(), exec_id),
        )
        if done.rowcount and told:
            self._event(execute, "exec_die", execID=exec_id, exitCode=str(code))

    def _still_runs(self, execute: Execute) -> bool:
        row = execute("SELECT status, run FROM containers WHERE id = ?", (self._id,)).fetchone()
        return row is not None and tuple(row) == ("running", self._run)

    def _event(self, execute: Execute, action: str, **attributes: str) -> None:
        """Record an event of the container, with the attributes that engine.containers.rows.event gives each."""
        pairs = ", ".join(["?, ?"] * len(attributes) + ["'image', coalesce(json_extract(definition, ?), '')"])
        values = [text for pair in attributes.items() for text in pair]
        execute(
            "INSERT INTO events (time, type, action, actor, attributes) "
            f"SELECT ?, 'container', ?, id, json_patch(coalesce(json_extract(definition, ?), '{{}}'), "
            f"json_object({pairs}, 'name', name)) FROM containers WHERE id = ?",
            (time.time_ns(), action, "$.config.labels", *values, "$.config.image", self._id),
        )

    def _transaction(self) -> Transaction:
        return Transaction(self._open(), self._wake_file)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(self._database, timeout=30, isolation_level=None)
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.execute("PRAGMA cache_size = -64")  # KiB: it stays resident
        return self._connection

    @staticmethod
    def _wait(fds: list[int], nanoseconds: int) -> list[int]:
        """Return which descriptors can be read; none when the time is over."""
        poller = select.poll()
        for fd in fds:
            poller.register(fd, select.POLLIN)
        milliseconds = max(0, -(-nanoseconds // 1_000_000))
        return [fd for fd, _ in poller.poll(min(milliseconds, (1 << 31) - 1))]


class Transaction:
    """A write to the state database: commits at its end, rolls back when it raises, wakes those who wait."""

    def __init__(self, connection: sqlite3.Connection, wake_file: str) -> None:
        self._connection = connection
        self._wake_file = wake_file

    def __enter__(self) -> Execute:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection.execute

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._connection.rollback()
            return
        self._connection.commit()
        fd = os.open(self._wake_file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.pwrite(fd, b".", 0)
        os.close(fd)


class Probe:
    """One probe: a process of the runtime, the process in the container that it waits for, and what that says."""

    def __init__(self, runtime: list[str], folder: str, container_id: str) -> None:
        self.pid = 0  # of the process in the container, once it is there
        self._container_id = container_id
        self._pid_file = f"{folder}/health.pid"
        if os.path.exists(self._pid_file):
            os.unlink(self._pid_file)
        self.output, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(write, True)
        command = [*runtime, "exec", "--process", f"{folder}/health.json", "--pid-file", self._pid_file, container_id]
        try:
            self.runtime = os.posix_spawn(
                command[0],
                command,
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, write, 1),
                    (os.POSIX_SPAWN_DUP2, write, 2),
                ],
                setsigmask=[],
                setsid=True,  # whatever the probe starts stays in this session, unless it leaves it on purpose
            )
        finally:
            os.close(write)
        self.process = os.pidfd_open(self.runtime)
        self._said = b""
        self._cut = False
        self._code: int | None = None

    def take(self, ready: list[int]) -> None:
        """Take what the descriptors have that can be read."""
        if self.output in ready:
            self._read()
        if self.process in ready and self.process >= 0:
            self._reap()

    def look_for_pid(self) -> bool:
        """Tell whether the process in the container is known by now."""
        if not self.pid:
            self.pid = read_pid(self._pid_file)
        return self.pid > 0

    def kill(self) -> None:
        """Kill the probe with all that it started, in the container, and wait for its end."""
        if not self.look_for_pid() and self._code is None:
            os.kill(self.runtime, signal.SIGKILL)  # stuck before there was anything in the container
        kill_tree({self.pid, self.runtime}, self._container_id)

    def finish(self) -> int:
        """Wait for what is still there, for a moment; returns the code of the process."""
        deadline = time.monotonic() + DRAIN_SECONDS
        self.look_for_pid()
        while (left := deadline - time.monotonic()) > 0 and (self.process >= 0 or self.output >= 0):
            ready = Monitor._wait([fd for fd in (self.process, self.output) if fd >= 0], int(left * SECOND))
            self.take(ready)
        for fd in (self.output, self.process):
            if fd >= 0:
                os.close(fd)
        self.output = self.process = -1
        return KILLED if self._code is None else self._code

    def exit_code(self, cut_off: str) -> int:
        """Return the code that the session ended with, in dockerd's numbers."""
        code = KILLED if self._code is None else self._code
        if not self.pid:
            return CANNOT_START if code != TIMED_OUT else TIMED_OUT
        return TIMED_OUT if cut_off == "timeout" and code == KILLED else code

    def text(self) -> str:
        """Return what the probe said, as far as it is kept."""
        return self._said.decode("utf-8", "replace") + ("..." if self._cut else "")

    def _read(self) -> None:
        try:
            data = os.read(self.output, 65536)
        except BlockingIOError:
            return
        if not data:
            os.close(self.output)
            self.output = -1
        room = OUTPUT_BYTES - len(self._said)
        self._said += data[:room]
        self._cut = self._cut or len(data) > room

    def _reap(self) -> None:
        self._code = os.waitstatus_to_exitcode(os.waitpid(self.runtime, 0)[1])
        if self._code < 0:
            self._code = 128 - self._code
        os.close(self.process)
        self.process = -1


def read_pid(path: str) -> int:
    """Return the pid that a file holds, 0 while it holds none."""
    try:
        with open(path, "rb") as file:
            return int(file.read() or b"0")
    except FileNotFoundError:
        return 0


def kill_tree(roots: set[int], container_id: str) -> None:
    """Kill all in a container that comes from one of the processes, or is in the session or group of one."""
    deadline = time.monotonic() + DRAIN_SECONDS
    members = roots - {0}
    while time.monotonic() < deadline:
        found = _grown(members)
        living = [each for each in found if _is_in(each, container_id)]
        if not living:
            return
        members |= found
        for each in living:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.005)


def _grown(members: set[int]) -> set[int]:
    """Return the living processes that are members, come from one, or are in the session or group of one."""
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, parent, group, session = file.read().rpartition(b")")[2].split()[:4]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state != b"Z":
                table[int(name)] = (int(parent), int(group), int(session))
    found, size = set(members), 0
    while size != len(found):
        size = len(found)
        found |= {pid for pid, relations in table.items() if not found.isdisjoint(relations)}
    return found & table.keys()


def _is_in(pid: int, container_id: str) -> bool:
    try:
        with open(f"/proc/{pid}/cgroup", "rb") as file:
            return container_id.encode() in file.read()
    except (FileNotFoundError, ProcessLookupError):
        return False


def duration(nanoseconds: int) -> str:
    """Return a time span as Go writes it: 30s, 1m30s, 700ms, 1.5s."""
    if nanoseconds < SECOND:
        unit, name = (1_000_000, "ms") if nanoseconds >= 1_000_000 else (1000, "\N{MICRO SIGN}s")
        return f"{_number(nanoseconds, unit)}{name}"
    minutes, rest = divmod(nanoseconds, 60 * SECOND)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{text}{_number(rest, SECOND)}s"


def _number(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Execute = Callable[..., Any]

if __name__ == "__main__":
    Monitor(sys.argv[1:]).run()
