"""Files of the build context that become a layer's without being copied: they get a second name there.

A context's files are nobody's but the build's and nothing writes to them, so a layer may have the very same ones: one
layer each, for two in one image would be seen as hard links. The kernel gives no file of one mount a name in another,
so this is done in the layer's own folder, when the overlay that the rest of the step was copied through is gone.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

from engine import syscalls
from engine.build.sources import Source
from engine.lean_dataclasses import dataclass, field

_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_NOT_HERE = (errno.EXDEV, errno.EMLINK, errno.EPERM)
_linking = threading.Lock()  # stages that run at once may want the same file


@dataclass(slots=True)
class Names:
    """Files of one folder of the source, and the names that they get in a folder of the layer, which is there.

    keep_times: the folder has its times already.
    """

    source: str
    target: str
    keep_times: bool
    names: list[tuple[str, str]] = field(default_factory=list)


def link(source: Source, diff: Path, wanted: list[Names]) -> None:
    """Give the files their names in a layer that is mounted nowhere. Raises OSError."""
    root = os.open(diff, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for each in wanted:
            below = source.open(each.source, _FOLDER)
            try:
                target = syscalls.openat2(root, each.target or ".", _FOLDER)
                try:
                    with _linking:
                        _link(below, target, each)
                finally:
                    os.close(target)
            finally:
                os.close(below)
    finally:
        os.close(root)


def _link(source: int, target: int, wanted: Names) -> None:
    before = os.fstat(target)
    for name, made in wanted.names:
        try:
            if os.stat(name, dir_fd=source, follow_symlinks=False).st_nlink > 1:  # another stage has taken it just now
                _copy(source, name, target, made)
            else:
                os.link(name, made, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        except FileExistsError:  # the mark that hides a file below
            os.unlink(made, dir_fd=target)
            _link(source, target, Names(wanted.source, wanted.target, False, [(name, made)]))
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            _copy(source, name, target, made)
    if wanted.keep_times:
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))


def _copy(source: int, name: str, target: int, made: str) -> None:
    """Copy a file where the file system gives it no more names."""
    from engine.build.copying import pour

    reading = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
    try:
        writing = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=target)
        try:
            pour(reading, writing)
            status = os.fstat(reading)
            os.fchmod(writing, stat.S_IMODE(status.st_mode))
            os.utime(writing, ns=(status.st_mtime_ns, status.st_mtime_ns))
        finally:
            os.close(writing)
    finally:
        os.close(reading)
