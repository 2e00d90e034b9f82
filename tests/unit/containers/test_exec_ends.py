"""What a container's end makes of the exec sessions in it."""

import os
from pathlib import Path

import pytest

from engine import Engine, Settings
from engine.containers import folders
from engine.containers.record import Container, Definition, NetworkState, State
from engine.containers.rows import insert
from engine.containers.settle import LOST, _end_exec_sessions, clear_run_folder

CONTAINER = Container("c" * 64, "one", 1, "i" * 64, Definition(), State(), NetworkState())
SESSION = "e" * 64


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = Engine(Settings(root=tmp_path / "root", run_root=tmp_path / "run"))
    with made.database.transaction() as tx:
        insert(tx, CONTAINER)
        tx.execute(
            "INSERT INTO exec_sessions (id, container_id, created, definition, status) "
            "VALUES (?, ?, 1, '{}', 'running')",
            (SESSION, CONTAINER.id),
        )
    folders.exec_session(made.settings, CONTAINER.id, SESSION).mkdir(parents=True)
    return made


def end(engine: Engine) -> tuple[str, int | None]:
    with engine.database.transaction() as tx:
        _end_exec_sessions(engine, tx, CONTAINER)
    clear_run_folder(engine, CONTAINER)
    row = engine.database.row("SELECT status, exit_code FROM exec_sessions")
    assert row is not None
    return row["status"], row["exit_code"]


def test_a_session_whose_code_nobody_has_recorded_yet_keeps_it(engine: Engine) -> None:
    (folders.exec_session(engine.settings, CONTAINER.id, SESSION) / "exit").write_text("3")
    assert end(engine) == ("exited", 3)


def test_a_session_whose_monitor_is_still_to_write_the_code_is_left_to_it(engine: Engine) -> None:
    folder = folders.exec_session(engine.settings, CONTAINER.id, SESSION)
    os.mkfifo(folder / "ctl")
    reader = os.open(folder / "ctl", os.O_RDONLY | os.O_NONBLOCK)  # as conmon has it
    try:
        assert end(engine) == ("running", None)
        assert folder.is_dir()
    finally:
        os.close(reader)


def test_a_session_without_monitor_and_code_was_killed(engine: Engine) -> None:
    assert end(engine) == ("exited", LOST)
    assert not folders.exec_session(engine.settings, CONTAINER.id, SESSION).exists()
