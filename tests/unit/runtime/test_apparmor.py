"""The AppArmor profile and when it is loaded, with a stand-in for the kernel's list and for the parser."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtime.apparmor import ProfileNotLoaded, ensure_loaded, loaded_profiles, own_profile, profile


def fake_parser(folder: Path, status: int) -> str:
    parser = folder / "apparmor_parser"
    parser.write_text(
        f'#!/bin/sh\necho "$@" > {folder}/arguments\ncat > {folder}/text\necho words >&2\nexit {status}\n'
    )
    parser.chmod(0o755)
    return str(parser)


def test_loaded_once(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.write_text("docker-default-other (enforce)\n")
    parser = fake_parser(tmp_path, 0)
    ensure_loaded("docker-default", profiles, parser)
    assert (tmp_path / "arguments").read_text() == "-Kr\n"
    assert "profile docker-default flags=(attach_disconnected,mediate_deleted) {" in (tmp_path / "text").read_text()
    (tmp_path / "text").unlink()
    profiles.write_text("docker-default (enforce)\n")
    ensure_loaded("docker-default", profiles, parser)
    assert not (tmp_path / "text").exists()


def test_failures_are_told_in_dockerds_words(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.write_text("")
    with pytest.raises(ProfileNotLoaded) as caught:
        ensure_loaded("docker-default", profiles, fake_parser(tmp_path, 1))
    assert str(caught.value).startswith(
        "AppArmor enabled on system but the docker-default profile could not be loaded: "
    )
    assert str(caught.value).endswith("-Kr: words")
    with pytest.raises(ProfileNotLoaded):
        ensure_loaded("docker-default", profiles, str(tmp_path / "missing"))


def test_the_text_follows_the_machine() -> None:
    full = profile("p", "mine", tunables=True, base=True)
    assert full.startswith("#include <tunables/global>\n")
    assert "  #include <abstractions/base>\n" in full
    assert "  signal (receive) peer=mine,\n" in full
    bare = profile("p", "unconfined", tunables=False, base=False)
    assert bare.startswith("@{PROC}=/proc/\n")
    assert "#include" not in bare
    assert bare.count("peer=unconfined,") == 1


def test_names_may_have_spaces() -> None:
    assert loaded_profiles("/usr/bin/a b (complain)\nx (enforce)\n") == {"/usr/bin/a b", "x"}


def test_own_profile(tmp_path: Path) -> None:
    current = tmp_path / "current"
    current.write_text("engine (enforce)\n")
    assert own_profile(str(current)) == "engine"
    current.write_text("unconfined\n")
    assert own_profile(str(current)) == "unconfined"
    assert own_profile(str(tmp_path / "missing")) == "unconfined"
