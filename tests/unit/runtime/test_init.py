"""Finding an init program."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtime.init import InitMissing, find_init, wants_init


def test_first_name_in_any_folder_wins_over_the_next(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for file in (first / "catatonit", second / "tini"):
        file.parent.mkdir()
        file.write_text("")
        file.chmod(0o755)
    (first / "docker-init").mkdir()  # no program
    (first / "tini-static").write_text("not executable")
    assert find_init(f"{first}:{second}") == str(second / "tini")


def test_missing_init_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(InitMissing, match="install docker-init or"):
        find_init(str(tmp_path))


def test_only_a_pid_namespace_of_its_own_has_an_init() -> None:
    assert wants_init(True, "")
    assert not wants_init(True, "host")
    assert not wants_init(True, "container:x")
    assert not wants_init(None, "")
