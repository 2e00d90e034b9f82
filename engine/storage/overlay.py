"""The overlay driver's folders of containers/storage, and mounting a layer over its parents.

Format, below <graph root>/overlay/: a folder per layer with diff/ (its own content), link (26 characters: its name
in l/), lower (the links of its parents, nearest first, "l/A:l/B"; absent without a parent), work/, merged/ (the
mount point) and, without a parent, empty/; and l/<link>, symbolic links to ../<layer>/diff that keep mount
options short. Only engine.storage uses this, under the layers' lock.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from engine import syscalls
from engine.errors import Unavailable
from engine.lean_dataclasses import dataclass
from engine.storage.folders import remove_tree

LINKS = "l"
ROOT_MODE = 0o755  # of "/" in a container, as dockerd's own overlay driver makes it
_VOLATILE_MARK = ("work", "incompat", "volatile")  # below a mount's workdir
MAX_DEPTH = 500
_LINK_SIZE = 26
_PAGE = os.sysconf("SC_PAGE_SIZE")
_FLAGS = {"nodev": syscalls.MS_NODEV, "nosuid": syscalls.MS_NOSUID, "noexec": syscalls.MS_NOEXEC}
_SPECIAL = set(",:\\")  # of which overlayfs's options are made


class MountRefused(Unavailable):
    """The kernel mounts no overlay in this place."""

    def __init__(self, home: Path, reason: str) -> None:
        super().__init__(
            f"cannot mount a container's file system below {home}: {reason}; "
            "it has to lie on a file system that is not itself an overlay: choose another root"
        )
        self.home = home


@dataclass(frozen=True, slots=True)
class Graph:
    """Where a container's root file system comes from and is written to."""

    lower: list[Path]  # nearest first
    upper: Path
    work: Path
    merged: Path


class Overlay:
    """The folders below one graph root's overlay/; layers may lie on those of read-only stores."""

    def __init__(self, home: Path, others: Sequence[Overlay] = (), options: Sequence[str] = ()) -> None:
        self.home = home
        self._home = os.fspath(home)
        self._others = others
        self._flags, self._options = mount_flags(options)

    def folder(self, layer_id: str) -> Path:
        """Return a layer's folder in this store."""
        return self.home / layer_id

    def found(self, layer_id: str) -> Path:
        """Return a layer's folder in whichever store has it."""
        own = self.home / layer_id
        if self._others and not own.exists():
            return next((place for other in self._others if (place := other.folder(layer_id)).exists()), own)
        return own

    def lowers(self, parent: str | None) -> list[str]:
        """Return the links of a parent and of all its parents, nearest first."""
        if parent is None:
            return []
        folder = str(self.found(parent)) if self._others else f"{self._home}/{parent}"
        link = _read_text(f"{folder}/link")
        try:
            return [f"{LINKS}/{link}", *_read_text(f"{folder}/lower").split(":")]
        except FileNotFoundError:
            return [f"{LINKS}/{link}"]

    def make(self, layer_id: str, parent: str | None, *, diff: Path | None = None) -> None:
        """Make a layer's folder; diff, where given, is renamed to be its content.

        A folder with that name that is there already belongs to no record and is replaced. Raises OSError.
        """
        lowers = self.lowers(parent)
        if len(lowers) >= MAX_DEPTH:
            raise OSError(errno.ELOOP, "too many layers", layer_id)
        folder = f"{self._home}/{layer_id}"
        try:
            os.mkdir(folder, 0o700)
        except FileNotFoundError:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o755)
            os.mkdir(folder, 0o700)
        except FileExistsError:
            self.remove(layer_id)
            os.mkdir(folder, 0o700)
        if diff is None:
            os.mkdir(f"{folder}/diff", ROOT_MODE)
            os.chmod(f"{folder}/diff", ROOT_MODE)  # mkdir heeds the umask
        else:
            os.rename(diff, f"{folder}/diff")
        link = new_link()
        _write_text(f"{folder}/link", link)  # first: whoever removes a half-made folder finds the link by it
        self._link(layer_id, link)
        os.mkdir(f"{folder}/work", 0o700)
        os.mkdir(f"{folder}/merged", 0o700)
        if lowers:
            _write_text(f"{folder}/lower", ":".join(lowers))
        else:
            os.mkdir(f"{folder}/empty", 0o700)

    def remove(self, layer_id: str) -> None:
        """Remove a layer's folder and link; what is gone already is no error."""
        self.unlink(layer_id)
        self.unmount(layer_id)
        remove_tree(f"{self._home}/{layer_id}")

    def unlink(self, layer_id: str) -> None:
        """Remove a layer's link in l/."""
        if link := self._link_of(layer_id):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self._home}/{LINKS}/{link}")

    def layer_folders(self) -> list[str]:
        """Return the names of the folders that look like a layer's."""
        try:
            names = os.listdir(self._home)
        except FileNotFoundError:
            return []
        return [name for name in names if len(name) == 64 and not set(name) - set("0123456789abcdef")]

    def has_link(self, layer_id: str) -> bool:
        """Whether a layer can be found by its short name."""
        link = self._link_of(layer_id)
        return bool(link) and os.path.exists(f"{self._home}/{LINKS}/{link}")

    def restore_links(self) -> None:
        """Make the links in l/ anew that a power cut took, and drop those that lead nowhere."""
        links = f"{self._home}/{LINKS}"
        os.makedirs(links, mode=0o755, exist_ok=True)
        for link in os.listdir(links):
            if not os.path.exists(f"{links}/{link}"):
                os.unlink(f"{links}/{link}")
        for layer_id in self.layer_folders():
            link = self._link_of(layer_id)
            if link and not os.path.lexists(f"{links}/{link}"):
                self._link(layer_id, link)

    def graph(self, layer_id: str) -> Graph:
        """Return the folders of a container's layer."""
        folder = self.found(layer_id)
        lower = [self._target(link) for link in _lowers_of(folder)]
        return Graph(lower, folder / "diff", folder / "work", folder / "merged")

    def _target(self, link: str) -> Path:
        """Return the content folder that a link in l/ leads to, in whichever store has it."""
        for home in (self.home, *(other.home for other in self._others)):
            try:
                return home / os.readlink(home / link).removeprefix("../")
            except FileNotFoundError:
                continue
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.home / link))

    def mounted(self, layer_id: str) -> bool:
        """Whether something is mounted on a layer's merged folder."""
        folder = f"{self._home}/{layer_id}"
        try:
            return os.stat(f"{folder}/merged").st_dev != os.stat(folder).st_dev
        except FileNotFoundError:
            return False

    def mount(self, layer_id: str, *, volatile: bool, label: str) -> None:
        """Mount a layer over its parents, writable; with volatile the kernel syncs nothing of it to disk."""
        folder = f"{self._home}/{layer_id}"
        lowers = _lowers_of(Path(folder)) or [f"{layer_id}/empty"]
        if not os.path.exists(f"{self._home}/{lowers[0]}") and not self._others:
            self.restore_links()
        lowers = [self._reachable(link) for link in lowers] if self._others else lowers
        # The kernel leaves this behind to refuse a second mount after an unclean one; nothing here needs it.
        remove_tree(os.path.join(folder, "work", *_VOLATILE_MARK))
        if volatile and self._try_mount(layer_id, lowers, label, volatile=True) is None:
            return
        refused = self._try_mount(layer_id, lowers, label, volatile=False)
        if refused is not None:
            raise MountRefused(self.home, refused.strerror or str(refused)) from refused

    def unmount(self, layer_id: str) -> None:
        """Unmount what is mounted on a layer's merged folder; nothing there is no error."""
        try:
            syscalls.umount2(f"{self._home}/{layer_id}/merged", syscalls.MNT_DETACH | syscalls.UMOUNT_NOFOLLOW)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT):
                raise

    def _try_mount(self, layer_id: str, lowers: list[str], label: str, *, volatile: bool) -> OSError | None:
        """Mount, or return the error of a kernel or file system that does not do it in this way."""
        try:
            self._mount(layer_id, lowers, label, volatile=volatile)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return error
        return None

    def _reachable(self, link: str) -> str:
        """Return how a lower folder is named below home; one of another store by its whole path."""
        if os.path.exists(f"{self._home}/{link}"):
            return link
        for other in self._others:
            if os.path.exists(other.home / link):
                return str(other.home / link)
        self.restore_links()
        return link

    def _mount(self, layer_id: str, lowers: list[str], label: str, *, volatile: bool) -> None:
        data = mount_options(self._home + "/", lowers, layer_id, label, volatile=volatile) + self._options
        if len(data) < _PAGE and not _SPECIAL & set(self._home):
            syscalls.mount("overlay", f"{self._home}/{layer_id}/merged", "overlay", self._flags, data)
            return
        short = mount_options("", lowers, layer_id, label, volatile=volatile) + self._options
        _in_folder(self._home, lambda: syscalls.mount("overlay", f"{layer_id}/merged", "overlay", self._flags, short))

    def mount_at(self, place: Path, lowers: list[str], upper: Path | None = None, work: Path | None = None) -> None:
        """Mount layers on a folder; without upper and work they can only be read.

        lowers, the nearest first, are links in l/ or whole paths. Where the kernel can, it does not wait for the disk
        when such a mount goes: whoever keeps upper sees to that.
        """
        lowers = [path if path.startswith("/") else self._reachable(path) for path in lowers]
        target = os.path.relpath(place, self._home)

        def options(prefix: str) -> str:
            found = "lowerdir=" + ":".join(path if path.startswith("/") else prefix + path for path in lowers)
            if upper is not None and work is not None:
                found += f",upperdir={prefix}{os.path.relpath(upper, self._home)}"
                found += f",workdir={prefix}{os.path.relpath(work, self._home)}"
            return found

        def attempt(more: str) -> None:
            data = options(self._home + "/") + more
            if len(data) < _PAGE and not _SPECIAL & set(self._home):
                syscalls.mount("overlay", place, "overlay", 0, data)
                return
            short = options("") + more
            _in_folder(self._home, lambda: syscalls.mount("overlay", target, "overlay", 0, short))

        if upper is not None:
            try:
                attempt(",volatile")
                return
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
        attempt("")

    def _link_of(self, layer_id: str) -> str:
        """Return the name of a layer's link; "" where a kill left none, or a part of one."""
        try:
            link = _read_text(f"{self._home}/{layer_id}/link").strip()
        except FileNotFoundError:
            return ""
        return link if link.isalnum() and len(link) == _LINK_SIZE else ""

    def _link(self, layer_id: str, link: str) -> None:
        target, path = f"../{layer_id}/diff", f"{self._home}/{LINKS}/{link}"
        try:
            os.symlink(target, path)
        except FileNotFoundError:
            os.mkdir(f"{self._home}/{LINKS}", 0o755)
            os.symlink(target, path)


def mount_options(prefix: str, lowers: list[str], layer_id: str, label: str, *, volatile: bool) -> str:
    """Return overlayfs's options; paths begin with prefix."""
    lower = ":".join(path if path.startswith("/") else prefix + path for path in lowers)
    options = f"lowerdir={lower},upperdir={prefix}{layer_id}/diff,workdir={prefix}{layer_id}/work"
    if volatile:
        options += ",volatile"
    return f'{options},context="{label}"' if label else options


def mount_flags(options: Sequence[str]) -> tuple[int, str]:
    """Return the flags that options of a mount stand for, and overlayfs's own options, to follow others. Pure."""
    flags, own = 0, ""
    for option in options:
        if option in _FLAGS:
            flags |= _FLAGS[option]
        else:
            own += f",{option}"
    return flags, own


def new_link() -> str:
    """Return a random name for l/: 26 characters A-Z and 2-7."""
    return base64.b32encode(os.urandom(17)).decode()[:_LINK_SIZE]


def _in_folder(folder: str, call: Callable[[], None]) -> None:
    """Run call with folder as the working folder of its own thread, which ends with it."""
    failure: list[BaseException] = []

    def work() -> None:
        try:
            syscalls.unshare(syscalls.CLONE_FS)
            os.chdir(folder)
            call()
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=work, name="overlay mount")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


def _lowers_of(folder: Path) -> list[str]:
    try:
        return _read_text(f"{folder}/lower").split(":")
    except FileNotFoundError:
        return []


def _read_text(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts).decode()


def _write_text(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
