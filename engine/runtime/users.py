"""Who a container's process is: users and groups by the files of the container itself.

Reads /etc/passwd and /etc/group inside a root file system that may be hostile: they are opened so that no
link leads out of it (openat2 with RESOLVE_IN_ROOT), and only as far as they are regular files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from engine import syscalls
from engine.errors import InvalidParameter
from engine.lean_dataclasses import dataclass, field

PASSWD = "etc/passwd"
GROUP = "etc/group"
MAXIMUM_ID = 2**31 - 1
MAXIMUM_FILE = 64 << 20  # bytes read of either file


class UnknownUser(InvalidParameter):
    """A user name that the container's passwd file does not have."""

    def __init__(self, user: str) -> None:
        super().__init__(f"unable to find user {user}: no matching entries in passwd file")
        self.user = user


class UnknownGroup(InvalidParameter):
    """A group name that the container's group file does not have."""

    def __init__(self, group: str) -> None:
        super().__init__(f"unable to find group {group}: no matching entries in group file")
        self.group = group


class IdOutOfRange(InvalidParameter):
    """A numeric user or group that no process can have."""

    def __init__(self) -> None:
        super().__init__("uids and gids must be in range 0-2147483647")


@dataclass(frozen=True, slots=True)
class ProcessUser:
    """A process's ids, all its groups (the primary one first), and the user's home, / where none is known."""

    uid: int = 0
    gid: int = 0
    groups: list[int] = field(default_factory=lambda: [0])
    home: str = "/"


@dataclass(frozen=True, slots=True)
class _Account:
    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    gid: int
    members: list[str]


def look_up(rootfs: str, user: str, group_add: Sequence[str] | None = None) -> ProcessUser:
    """Find a user as Config.User writes it (name, uid, name:group, uid:gid; empty is root) in a mounted root.

    Raises UnknownUser, UnknownGroup, IdOutOfRange.
    """
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        passwd, group = read_inside(root, PASSWD), read_inside(root, GROUP)
    finally:
        os.close(root)
    return find(user, group_add or (), passwd, group)


def find(user: str, group_add: Sequence[str], passwd: str, group: str) -> ProcessUser:
    """The same from the files' texts. Raises the same."""
    name, _, group_name = user.partition(":")
    account = _find_account(name, passwd)
    groups = list(_groups(group))
    gid = account.gid
    members: list[int] = []
    if group_name:
        gid = _find_group(group_name, groups)
    elif account.name:
        members = [entry.gid for entry in groups if account.name in entry.members]
    added = [_find_group(text, groups) for text in group_add]
    return ProcessUser(account.uid, gid, [gid, *members, *added], account.home or "/")


def read_inside(root: int, path: str) -> str:
    """Return the text of a file below the folder that root is open on; empty when there is no such regular file."""
    try:
        fd = syscalls.openat2(
            root, path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, resolve=syscalls.RESOLVE_IN_ROOT
        )
    except OSError:
        return ""
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        return file.read(MAXIMUM_FILE).decode("utf-8", "surrogateescape")


def _find_account(name: str, passwd: str) -> _Account:
    """Return the first entry with this name or number; a number needs none."""
    wanted = name or "0"
    number = _number(wanted)
    for account in _accounts(passwd):
        if (number is not None and account.uid == number) or account.name == wanted:
            return account
    if number is None:
        raise UnknownUser(name)
    if not 0 <= number <= MAXIMUM_ID:
        raise IdOutOfRange
    return _Account("", number, 0, "")


def _find_group(name: str, groups: Sequence[_Group]) -> int:
    number = _number(name)
    for group in groups:
        if group.name == name or (number is not None and group.gid == number):
            return group.gid
    if number is None:
        raise UnknownGroup(name)
    if not 0 <= number <= MAXIMUM_ID:
        raise IdOutOfRange
    return number


def _number(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("-", "+") else text
    return int(text) if digits.isascii() and digits.isdigit() else None


def _accounts(passwd: str) -> Iterator[_Account]:
    for fields in _entries(passwd):
        yield _Account(fields[0], _number(fields[2]) or 0, _number(fields[3]) or 0, fields[5])


def _groups(group: str) -> Iterator[_Group]:
    for fields in _entries(group):
        yield _Group(fields[0], _number(fields[2]) or 0, fields[3].split(","))


def _entries(text: str) -> Iterator[list[str]]:
    """Yield the fields of each line, empty ones added where a line is short."""
    for line in text.split("\n"):
        line = line.strip()
        if line and not line.startswith("#"):
            yield (line.split(":") + [""] * 7)[:7]
