"""Looking at processes through /proc, and waiting for their end by pidfd."""

from __future__ import annotations

import os
import select
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process as it was when looked at."""

    pid: int
    parent: int
    arguments: list[str]

    @property
    def line(self) -> str:
        """Its command line, for messages."""
        return f"{self.pid}: {' '.join(self.arguments)[:300]}"


def processes() -> list[Process]:
    """Return all living processes that have a command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")[:-1]
            stat = (folder / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent = stat.rsplit(")", 1)[1].split()[:2]
        if arguments and state != "Z":
            found.append(Process(int(folder.name), int(parent), [os.fsdecode(argument) for argument in arguments]))
    return found


def mentioning(*texts: str) -> list[Process]:
    """Return the processes, other than this one, whose command line contains one of the texts."""
    return [
        process
        for process in processes()
        if process.pid != os.getpid() and any(text in argument for argument in process.arguments for text in texts)
    ]


def descendants(root: int) -> list[Process]:
    """Return the living processes below root."""
    everyone = processes()
    below, frontier = [], {root}
    while frontier:
        level = [process for process in everyone if process.parent in frontier]
        below += level
        frontier = {process.pid for process in level}
    return below


def wait_for_end(pid: int, timeout: float) -> bool:
    """Wait until the process has ended; False when it is still there after timeout seconds."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], timeout)[0])
    finally:
        os.close(fd)


def waits(pid: int) -> str:
    """Tell in the kernel's words what each thread of a process waits for."""
    lines = []
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        try:
            name, stack = (thread / "comm").read_text().strip(), (thread / "stack").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        lines.append(f"  {thread.name} {name}: {' < '.join(line.split()[-1] for line in stack.splitlines())}")
    return "\n".join(lines)


def proportional_bytes(pid: int) -> int:
    """Return the memory a process costs: its private pages and its share of the shared ones; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
