"""Looking users up, by files as images have them and as hostile images could."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtime.users import IdOutOfRange, ProcessUser, UnknownGroup, UnknownUser, find, look_up

PASSWD = "root:x:0:0:root:/root:/bin/sh\n\n# comment\nwww:x:33:34:w:/var/www:/bin/sh\nshort:x:7:8\n1000:x:5:6::/odd:\n"
GROUP = "root:x:0:\nwheel:x:10:root,www\nwww:x:34:\naudio:x:29:www\n"


@pytest.mark.parametrize(
    ("user", "added", "found"),
    [
        ("", (), ProcessUser(0, 0, [0, 10], "/root")),
        ("root", (), ProcessUser(0, 0, [0, 10], "/root")),
        ("0", (), ProcessUser(0, 0, [0, 10], "/root")),
        ("www", (), ProcessUser(33, 34, [34, 10, 29], "/var/www")),
        ("33", (), ProcessUser(33, 34, [34, 10, 29], "/var/www")),
        ("www:audio", (), ProcessUser(33, 29, [29], "/var/www")),
        ("www:77", (), ProcessUser(33, 77, [77], "/var/www")),
        (":wheel", (), ProcessUser(0, 10, [10], "/root")),
        ("4242", (), ProcessUser(4242, 0, [0], "/")),
        ("4242:5", ("wheel", "88"), ProcessUser(4242, 5, [5, 10, 88], "/")),
        ("short", (), ProcessUser(7, 8, [8], "/")),
        ("1000", (), ProcessUser(5, 6, [6], "/odd")),
    ],
)
def test_find(user: str, added: tuple[str, ...], found: ProcessUser) -> None:
    assert find(user, added, PASSWD, GROUP) == found


def test_unknown_names_are_refused_in_dockerds_words() -> None:
    with pytest.raises(UnknownUser) as user:
        find("nope", (), PASSWD, GROUP)
    assert str(user.value) == "unable to find user nope: no matching entries in passwd file"
    with pytest.raises(UnknownGroup) as group:
        find("www:nope", (), PASSWD, GROUP)
    assert str(group.value) == "unable to find group nope: no matching entries in group file"
    with pytest.raises(IdOutOfRange):
        find("4294967296", (), PASSWD, GROUP)


def test_files_are_read_inside_the_root_alone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (tmp_path / "passwd").write_text("evil:x:1:1::/:\n")
    # Absolute within the root, and up and out of it: both end inside.
    (root / "passwd").write_text("good:x:2:2::/:\n")
    (root / "etc/passwd").symlink_to("/passwd")
    assert look_up(str(root), "good").uid == 2
    (root / "etc/passwd").unlink()
    (root / "passwd").unlink()
    (root / "etc/passwd").symlink_to("../../passwd")
    with pytest.raises(UnknownUser):
        look_up(str(root), "evil")


def test_a_pipe_in_the_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    import os

    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/passwd")
    assert look_up(str(tmp_path), "") == ProcessUser()
