"""The log keeper: one small process for each container whose log is kept in several files.

    python -I -S log_keeper.py RUN_FOLDER LOG_FILE MONITOR_PID MAX_BYTES MAX_FILES COMPRESS

Started by engine.containers.log_rotation, for conmon can begin a new log file but not keep the old one. It holds a
flock on RUN_FOLDER/log-keeper while it lives, and ends with the monitor. When LOG_FILE is full it gives it a further
name, LOG_FILE.N with N counting up, and only then tells conmon to open a new one under the old name, so that no byte is
lost, whoever is killed when. conmon writes to the old file until it has done so: a file may be larger than MAX_BYTES by
what comes in that time. Then the oldest file goes, and with COMPRESS=1 the rotated one is packed.

It stays resident, so it imports next to nothing. The folder is watched by dnotify: a user has few inotify instances,
and one for each container would leave none for others.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import termios
import time

REOPEN = b"2 0 0\n"  # a message to conmon's control FIFO
FASTEST = 2_000_000_000  # bytes a second that no log grows faster than
LONGEST_NAP = 0.05  # seconds
UNWATCHED_SECONDS = 0.25  # between two looks on a kernel without dnotify
DOUBT_SECONDS = 1.0  # after which a message of a keeper that was killed is taken for never sent
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


def _nothing(*_: object) -> None:
    """Let a signal only wake up who waits."""


class Keeper:
    """Keeps one container's log."""

    def __init__(self, run_folder: str, log: str, monitor: int, size: int, files: int, compress: bool) -> None:
        self._run_folder = run_folder
        self._log = log
        self._folder, self._name = os.path.split(log)
        self._monitor = monitor
        self._size = size
        self._files = files
        self._compress = compress
        self._news = self._directory = -1
        self._watched = False  # the kernel will tell of the next change
        self._asked = 0  # the inode of the file that conmon was asked to leave

    def run(self) -> None:
        """Keep the log until the monitor has ended."""
        lock = os.open(f"{self._run_folder}/log-keeper", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            take(lock)
            ended = os.pidfd_open(self._monitor)
        except (BlockingIOError, ProcessLookupError):
            return
        poller = select.poll()
        poller.register(ended, select.POLLIN)
        try:
            self._news = self._watch()
            poller.register(self._news, select.POLLIN)
            self._arm()
            self._settle_doubt(poller, ended)
            self._arm()
            while self._look() and not self._wait(poller, ended):
                self._arm()
            self._tidy()
        except FileNotFoundError:
            pass  # the container has been removed

    def _watch(self) -> int:
        """Open the folder to be watched; returns a descriptor that is readable once something has happened there."""
        news, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGIO, _nothing)
        self._directory = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return news

    def _arm(self) -> None:
        """Have the kernel tell of the next change: of one, so that a busy container does not keep this process busy."""
        try:
            fcntl.fcntl(self._directory, fcntl.F_NOTIFY, fcntl.DN_MODIFY | fcntl.DN_CREATE | fcntl.DN_RENAME)
            self._watched = True
        except OSError:
            self._watched = False

    def _wait(self, poller: select.poll, ended: int, milliseconds: float | None = None) -> bool:
        """Wait until something has happened; tell whether it was the monitor's end."""
        if milliseconds is None and not self._watched:
            milliseconds = UNWATCHED_SECONDS * 1000
        ready = [fd for fd, _ in poller.poll(milliseconds)]
        if self._news in ready:
            os.read(self._news, 4096)
        return ended in ready

    def _settle_doubt(self, poller: select.poll, ended: int) -> None:
        """Find out whether a keeper before this one still had told conmon to leave the file that it had named.

        A second message would have conmon leave the file that it has just begun, and that has only one name.
        """
        inode = self._inode()
        if not inode or inode != self._newest()[1]:
            return
        deadline = time.monotonic() + DOUBT_SECONDS
        while (left := deadline - time.monotonic()) > 0 or self._unread():
            if self._wait(poller, ended, max(left, DOUBT_SECONDS / 10) * 1000) or self._inode() != inode:
                return
            self._arm()
        self._ask(inode)

    def _unread(self) -> bool:
        """Tell whether conmon has not read all that was sent to it."""
        fd = self._control()
        if fd < 0:
            return False
        try:
            return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder) > 0
        finally:
            os.close(fd)

    def _look(self) -> bool:
        """Rotate the log if it is full; rest for as long as it cannot become full."""
        try:
            found = os.stat(self._log)
        except FileNotFoundError:
            return os.path.isdir(self._folder)
        if found.st_ino == self._asked:
            return True
        if self._asked:
            self._asked = 0
            self._tidy()
        if found.st_size >= self._size:
            number, _ = self._newest()
            os.link(self._log, f"{self._log}.{number + 1}")
            self._ask(found.st_ino)
            return True
        time.sleep(min((self._size - found.st_size) / FASTEST, LONGEST_NAP))
        return True

    def _ask(self, inode: int) -> None:
        self._asked = inode
        fd = self._control()
        if fd >= 0:
            os.write(fd, REOPEN)
            os.close(fd)

    def _control(self) -> int:
        try:
            return os.open(f"{self._run_folder}/ctl", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # conmon has ended
            return -1

    def _tidy(self) -> None:
        """Delete what is more than is to be kept, and pack what is to be packed."""
        current = self._inode()
        numbers = sorted(self._rotated().items())
        done = [(number, names) for number, names in numbers if self._inode(min(names, key=len)) != current]
        surplus = max(0, len(done) - (self._files - 1))
        for _, names in done[:surplus]:
            for name in names:
                os.unlink(f"{self._folder}/{name}")
        if self._compress:
            for _, names in done[surplus:]:
                plain = min(names, key=len)
                if not plain.endswith(".gz"):
                    self._pack(f"{self._folder}/{plain}")

    def _pack(self, path: str) -> None:
        """Pack a rotated file, in a process of its own that gives its memory back."""
        child = os.fork()
        if not child:
            try:
                import gzip
                import shutil

                with open(path, "rb") as source, gzip.open(f"{path}.packing", "wb", compresslevel=6) as target:
                    shutil.copyfileobj(source, target, 1 << 18)
                times = os.stat(path)
                os.utime(f"{path}.packing", ns=(times.st_atime_ns, times.st_mtime_ns))
                os.rename(f"{path}.packing", f"{path}.gz")
                os.unlink(path)
            finally:
                os._exit(0)
        os.waitpid(child, 0)

    def _rotated(self) -> dict[int, list[str]]:
        """Return the names of the rotated files by number; a file that is being packed has two."""
        found: dict[int, list[str]] = {}
        for name in os.listdir(self._folder):
            number = name.removeprefix(f"{self._name}.").removesuffix(".gz")
            if name.startswith(f"{self._name}.") and number.isdigit():
                found.setdefault(int(number), []).append(name)
        return found

    def _newest(self) -> tuple[int, int]:
        """Return the highest number and its file's inode, zeros where none was rotated."""
        found = self._rotated()
        if not found:
            return 0, 0
        number = max(found)
        return number, self._inode(min(found[number], key=len))

    def _inode(self, name: str = "") -> int:
        try:
            return os.stat(f"{self._folder}/{name or self._name}").st_ino
        except FileNotFoundError:
            return 0


def main(arguments: list[str]) -> None:
    """Keep the log that the command line names."""
    run_folder, log, monitor, size, files, compress = arguments
    Keeper(run_folder, log, int(monitor), int(size), int(files), compress == "1").run()


if __name__ == "__main__":
    main(sys.argv[1:])
