"""The look of the exit command at an end that is recorded: nobody waits for it, and it waits for who is at it."""

from __future__ import annotations

import threading
from pathlib import Path

from engine.containers import rows
from engine.containers.record import EXITED, Container, Definition, NetworkState, State
from engine.locks import locked
from engine.monitor_exit import main
from engine.state.database import Database

ID = "a" * 64


def make(folder: Path) -> list[str]:
    """Record a container that has ended, and return the exit command's arguments."""
    database = Database(folder / "state.db", folder / "run" / "changed")
    with database.transaction() as tx:
        rows.insert(tx, Container(ID, "name", 1, "", Definition(), State(status=EXITED), NetworkState()))
    return [str(folder), str(folder / "run"), "container", ID]


def test_what_is_recorded_is_left_alone_whoever_has_the_lock(tmp_path: Path) -> None:
    arguments = make(tmp_path)
    with locked(tmp_path / "run" / "locks", f"container/{ID}"):
        assert main(arguments) == 0


def test_who_is_about_to_record_it_is_waited_for(tmp_path: Path) -> None:
    arguments = make(tmp_path)
    exit_file = tmp_path / "run" / "containers" / ID / "exit"
    exit_file.parent.mkdir(parents=True)
    exit_file.write_text("0")
    ended: list[int] = []
    command = threading.Thread(target=lambda: ended.append(main(arguments)))
    with locked(tmp_path / "run" / "locks", f"container/{ID}"):
        command.start()
        command.join(0.1)
        assert not ended
        exit_file.unlink()
    command.join(10)
    assert ended == [0]
