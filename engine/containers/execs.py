"""Exec sessions: further processes in a running container, each with a monitor of its own.

A session's row says what is to run; its run folder (engine.containers.folders.exec_session) is its bundle. It runs
once. Its exit code is recorded by whoever sees it first: the server whose client is attached, or the exit command.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import time
from typing import TYPE_CHECKING

from engine import locks
from engine.containers import folders, rows
from engine.containers.attach import Attachment, AttachOptions, ContainerPaused, ContainerRestarting, connect
from engine.containers.record import CREATED, EXITED, PAUSED, RESTARTING, RUNNING, Container
from engine.containers.settle import LOST, find_runtime, settled
from engine.containers.stop import NotRunning
from engine.errors import Conflict, EngineError, InvalidParameter, NoSuchExec
from engine.hurry import WouldWait, is_hurried
from engine.lean_dataclasses import dataclass, replace
from engine.off_loop import off_loop
from engine.runtime import monitor
from engine.runtime.crun_quirks import give_score
from engine.runtime.failures import ProcessFailed, exec_failed
from engine.runtime.monitor import Launch, MonitorPlan
from engine.runtime.oci import RuntimeFailed
from engine.state.codec import decode, encode

if TYPE_CHECKING:
    import sqlite3

    from engine import Engine

KEPT_NANOSECONDS = 600_000_000_000  # how long a session that has ended can still be asked for


class ExecHasRun(Conflict):
    """An exec session runs once, and this one has."""

    def __init__(self, exec_id: str) -> None:
        super().__init__(f"exec session {exec_id} has already run")
        self.exec_id = exec_id


class ExecIsRunning(Conflict):
    """An exec session runs once, and this one is running."""

    def __init__(self, exec_id: str) -> None:
        super().__init__(f"exec session {exec_id} is already running")
        self.exec_id = exec_id


class UnknownExecUser(InvalidParameter):
    """An exec session's user is not known in the container; cause is what the look-up says."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)


class ExecLeft(EngineError):
    """A client left an exec session by its detach keys."""

    def __init__(self) -> None:
        super().__init__("exec attach failed: error on attach stdin: read escape sequence")


class ExecNotReady(EngineError):
    """An exec session that is to be resized is not started in time."""

    def __init__(self) -> None:
        super().__init__("timeout waiting for exec session ready")


class NoExecCommand(InvalidParameter):
    """An exec session without a command."""

    def __init__(self) -> None:
        super().__init__("an exec session needs a command")


READY_SECONDS = 10.0  # how long a resize waits for a start, as in dockerd


@dataclass(frozen=True, slots=True)
class ExecConfig:
    """What an exec session runs, and how."""

    user: str = ""
    privileged: bool = False
    tty: bool = False
    console_size: list[int] | None = None  # height, width
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    detach_keys: str = ""
    env: list[str] | None = None
    working_dir: str = ""
    cmd: list[str] | None = None
    probe: bool = False  # made by the health check: run without a monitor, by engine.health_monitor


@dataclass(frozen=True, slots=True)
class ExecSession:
    """One exec session; exit_code is None until it has ended."""

    id: str
    container_id: str
    config: ExecConfig
    status: str
    pid: int
    exit_code: int | None

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self.status == RUNNING


def command_text(words: list[str]) -> str:
    """Return a command as the events tell it: the program, a blank, and the arguments."""
    return f"{words[0]} {' '.join(words[1:])}"


def exec_create(engine: Engine, name: str, config: ExecConfig) -> str:
    """Prepare an exec session in a running container; returns its id.

    Raises NoSuchContainer, NotRunning, ContainerPaused, NoExecCommand, InvalidDetachKeys, LinkUnusable.
    """
    from engine.containers.detach_keys import parse

    container = rows.find(engine.database, name)
    if not config.cmd:
        raise NoExecCommand
    _check_runs(container, name)
    parse(config.detach_keys)
    _check_user(container, config)
    if container.host.links:
        from engine.containers.links import environment

        environment(engine, container)  # which a link to what does not run has not
    config = replace(config, user=config.user or container.config.user)
    exec_id = os.urandom(32).hex()
    # A power cut ends all that a session could run in, so that the disk need not be waited for.
    with engine.database.telling() as tx:
        tx.execute(
            "INSERT INTO exec_sessions (id, container_id, created, definition, status) VALUES (?, ?, ?, ?, ?)",
            (exec_id, container.id, time.time_ns(), encode(config), CREATED),
        )
        tx.execute(
            "DELETE FROM exec_sessions WHERE finished > 0 AND finished < ?", (time.time_ns() - KEPT_NANOSECONDS,)
        )
        rows.event(tx, container, f"exec_create: {command_text(config.cmd or [])}", execID=exec_id)
    return exec_id


def exec_get(engine: Engine, exec_id: str) -> ExecSession:
    """Return an exec session by its whole id. Raises NoSuchExec."""
    found = engine.database.row("SELECT * FROM exec_sessions WHERE id = ?", (exec_id,))
    if found is None:
        raise NoSuchExec(exec_id)
    session = _from_row(found)
    if not session.running:
        return session
    # The monitor knows of the end before the command that records it has started.
    code = monitor.exit_code(folders.exec_session(engine.settings, session.container_id, exec_id))
    return session if code is None else replace(session, status=EXITED, exit_code=code)


def exec_ready(engine: Engine, exec_id: str) -> ExecSession:
    """Return an exec session whose container could run it now. Raises NoSuchExec, NotRunning, ContainerPaused."""
    session = exec_get(engine, exec_id)
    container = rows.get(engine.database, session.container_id)
    _check_runs(container, container.id)
    return session


def exec_ids(engine: Engine, container_id: str) -> list[str]:
    """Return the ids of a container's exec sessions that run or have not run yet, oldest first."""
    found = engine.database.rows(
        "SELECT id, status FROM exec_sessions WHERE container_id = ? AND status IN (?, ?) ORDER BY created",
        (container_id, CREATED, RUNNING),
    )
    # The monitor knows of the end before the command that records it has started.
    return [
        row["id"]
        for row in found
        if row["status"] == CREATED
        or monitor.exit_code(folders.exec_session(engine.settings, container_id, row["id"])) is None
    ]


async def exec_resize(engine: Engine, exec_id: str, height: int, width: int) -> None:
    """Set the terminal size of an exec session; one that has not been started is waited for, for a while.

    Raises NoSuchExec, NotRunning, ContainerPaused, ExecNotReady.
    """
    from engine.state.changes import Changes

    session = await off_loop(exec_ready, engine, exec_id)
    if not session.pid and session.status != EXITED:
        database = engine.database
        async with Changes(database.wake_file, database.path.with_name(database.path.name + "-wal")) as changes:
            try:
                async with asyncio.timeout(READY_SECONDS):
                    while not (session := await off_loop(exec_ready, engine, exec_id)).pid and session.status != EXITED:
                        await changes.wait()
            except TimeoutError:
                raise ExecNotReady from None
    await off_loop(_resize, engine, session, height, width)


def _resize(engine: Engine, session: ExecSession, height: int, width: int) -> None:
    try:
        monitor.resize(folders.exec_session(engine.settings, session.container_id, session.id), height, width)
    except OSError as error:
        raise NotRunning(session.container_id) from error


async def exec_start(
    engine: Engine,
    exec_id: str,
    *,
    detach: bool = False,
    tty: bool | None = None,
    console_size: list[int] | None = None,
) -> Attachment | None:
    """Run an exec session; returns the connection to its stdio, None with detach.

    Raises NoSuchExec, ExecHasRun, ExecIsRunning, NotRunning, ContainerPaused, ExecFailed.
    """
    session = await off_loop(exec_get, engine, exec_id)
    launch = await off_loop(_launch, engine, session, detach, tty, console_size)
    run_folder = folders.exec_session(engine.settings, session.container_id, session.id)
    attachment = None
    try:
        if not detach:
            config = session.config
            attachment = Attachment(
                tty=config.tty if tty is None else tty,
                options=AttachOptions(
                    config.attach_stdin, config.attach_stdout, config.attach_stderr, detach_keys=config.detach_keys
                ),
            )
            attachment.connected(connect(run_folder))
            launch.release()
        await off_loop(_running, engine, session, launch)
    except BaseException:
        launch.close()
        if attachment is not None:
            await attachment.close()
        raise
    if attachment is None:
        launch.close()
        return None

    async def ended() -> None:
        await off_loop(_await_end, engine, session, launch)

    async def left() -> None:
        await off_loop(_record_detach, engine, session)

    attachment.at_end(ended, launch.close)
    attachment.on_detach(left)
    return attachment


def settle_exec(engine: Engine, container_id: str, exec_id: str, code: int | None = None) -> None:
    """Record the end of an exec session that has ended, once; without a code, the monitor's file has it."""
    run_folder = folders.exec_session(engine.settings, container_id, exec_id)
    if code is None:
        code = monitor.exit_code(run_folder)
        if code is None:
            if monitor.alive(run_folder):
                return
            code = LOST
    with engine.database.transaction() as tx:
        done = tx.execute(
            "UPDATE exec_sessions SET status = ?, exit_code = ?, finished = ? WHERE id = ? AND status = ?",
            (EXITED, code, time.time_ns(), exec_id, RUNNING),
        )
        row = tx.execute(f"SELECT {rows.COLUMNS} FROM containers WHERE id = ?", (container_id,)).fetchone()
        if done.rowcount and row is not None:
            rows.event(tx, rows.from_row(row), "exec_die", execID=exec_id, exitCode=str(code))
    shutil.rmtree(run_folder, ignore_errors=True)


def _launch(
    engine: Engine, session: ExecSession, detach: bool, tty: bool | None, console_size: list[int] | None
) -> Launch:
    """Claim the session and spawn its monitor, which waits for the attacher unless detached."""
    from engine.containers.bundle import exec_process

    with locks.locked(engine.settings.locks, folders.lock_name(session.container_id)):
        container = settled(engine, session.container_id)
        _check_runs(container, container.id)
        config = session.config
        terminal = config.tty if tty is None else tty
        with engine.database.transaction() as tx:
            claimed = tx.execute(
                "UPDATE exec_sessions SET status = ? WHERE id = ? AND status = ?", (RUNNING, session.id, CREATED)
            )
            if not claimed.rowcount:
                status = tx.execute("SELECT status FROM exec_sessions WHERE id = ?", (session.id,)).fetchone()
                raise ExecIsRunning(session.id) if status["status"] == RUNNING else ExecHasRun(session.id)
        try:
            process = exec_process(engine, container, config, terminal, console_size or config.console_size)
            run_folder = folders.exec_session(engine.settings, container.id, session.id)
            run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (run_folder / "process.json").write_text(json.dumps(process))
            launch = Launch(_plan(engine, container, session, terminal, detach))
            if not detach:
                launch.wait_attachable()
        except EngineError as error:
            _record_failure(engine, session, error)
            raise
    return launch


def _plan(engine: Engine, container: Container, session: ExecSession, terminal: bool, detach: bool) -> MonitorPlan:
    from engine.containers.start import exit_command

    return MonitorPlan(
        runtime=find_runtime(engine, container),
        container_id=container.id,
        run_folder=folders.exec_session(engine.settings, container.id, session.id),
        exit_command=exit_command(engine, "exec", container.id, session.id),
        log_path="null",
        terminal=terminal,
        stdin=session.config.attach_stdin and not detach,
        leave_stdin_open=terminal,
        exec_id=session.id,
        attach_first=not detach,
    )


def _running(engine: Engine, session: ExecSession, launch: Launch) -> None:
    """Wait until the process is there and record it; a process that could not be made is an error."""
    program = (session.config.cmd or [""])[0]
    try:
        pid = launch.pid()
    except RuntimeFailed as error:
        # With a terminal conmon keeps what the runtime said to itself, so the likeliest reasons are looked for.
        text = find_fault(engine, session) if error.silent else error.text
        failure = exec_failed(text or error.text, program)
        _record_failure(engine, session, failure)
        raise failure from error
    container = rows.get(engine.database, session.container_id)
    give_score(pid, container.host.oom_score_adj)
    run_folder = folders.exec_session(engine.settings, container.id, session.id)
    with engine.database.transaction() as tx:
        tx.execute(
            "UPDATE exec_sessions SET pid = ?, monitor_pid = ? WHERE id = ? AND status = ?",
            (pid, monitor.monitor_pid(run_folder), session.id, RUNNING),
        )
        rows.event(tx, container, f"exec_start: {command_text(session.config.cmd or [''])}", execID=session.id)


def find_fault(engine: Engine, session: ExecSession) -> str:
    """Return what crun would say of a program that cannot be run, by a look into the container; empty if it can."""
    from engine.runtime.spec import DEFAULT_PATH

    container = rows.get(engine.database, session.container_id)
    program = (session.config.cmd or [""])[0]
    variables = dict(
        entry.partition("=")[::2] for entry in [*(container.config.env or []), *(session.config.env or [])]
    )
    folders_to_try = [""] if "/" in program else variables.get("PATH", DEFAULT_PATH).split(":")
    try:
        root = os.open(f"/proc/{container.state.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        for folder in folders_to_try:
            path = f"{folder}/{program}" if folder else program
            mode = _mode_inside(root, path)
            if mode is None:
                continue
            if stat.S_ISDIR(mode):
                return "open executable: Operation not permitted"
            return "" if mode & 0o111 else "open executable: Permission denied"
    finally:
        os.close(root)
    return f"executable file `{program}` not found in $PATH"


def _mode_inside(root: int, path: str) -> int | None:
    """Return the mode of a file below the folder that root is open on, None when there is none."""
    from engine import syscalls

    try:
        fd = syscalls.openat2(root, path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.fstat(fd).st_mode
    finally:
        os.close(fd)


def _record_detach(engine: Engine, session: ExecSession) -> None:
    """Note that a client left a session, which dockerd takes for a failure of it though its process goes on."""
    _record_failure(engine, session, ExecLeft())


def _await_end(engine: Engine, session: ExecSession, launch: Launch) -> None:
    code = launch.exit_code()
    settle_exec(engine, session.container_id, session.id, code)


def _record_failure(engine: Engine, session: ExecSession, error: EngineError) -> None:
    code = error.exit_code if isinstance(error, ProcessFailed) else 126
    with engine.database.transaction() as tx:
        tx.execute(
            "UPDATE exec_sessions SET status = ?, exit_code = ?, finished = ? WHERE id = ? AND status = ?",
            (EXITED, code, time.time_ns(), session.id, RUNNING),
        )


def _check_runs(container: Container, name: str) -> None:
    if container.state.status == RESTARTING:
        raise ContainerRestarting(container.id, "exec")
    if container.state.status == PAUSED:
        raise ContainerPaused(name, "exec")
    if not container.state.alive:
        raise NotRunning(container.id)


def _check_user(container: Container, config: ExecConfig) -> None:
    from engine.runtime.users import IdOutOfRange, UnknownGroup, UnknownUser, look_up

    if config.user:
        if is_hurried():
            raise WouldWait  # for the container's own file systems, perhaps
        try:
            look_up(f"/proc/{container.state.pid}/root", config.user)
        except (IdOutOfRange, UnknownGroup, UnknownUser) as error:
            raise UnknownExecUser(str(error)) from error


def _from_row(row: sqlite3.Row) -> ExecSession:
    return ExecSession(
        id=row["id"],
        container_id=row["container_id"],
        config=decode(ExecConfig, row["definition"]),
        status=row["status"],
        pid=row["pid"],
        exit_code=row["exit_code"],
    )
