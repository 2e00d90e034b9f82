"""The processes of a running container, as the machine's own ps shows them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection
from typing import TYPE_CHECKING

from engine.containers import rows
from engine.containers.attach import ContainerRestarting
from engine.containers.record import RESTARTING
from engine.containers.stop import NotRunning
from engine.errors import EngineError
from engine.lean_dataclasses import dataclass
from engine.runtime import cgroup_of
from engine.runtime.oci import which

if TYPE_CHECKING:
    from engine import Engine

DEFAULT_ARGUMENTS = "-ef"
PS_SECONDS = 60  # ps looks at /proc only; one that hangs longer never comes back
_SPACE = re.compile(r"[\t\n\f\r ]+")  # and no other white space, which may be part of a name
_RENAMED_PID = re.compile(r"\s+([^\s]*)=\s*(PID[^\s]*)", re.ASCII)


class RenamedPid(EngineError):
    """A column of ps under the name by which pids are found."""

    def __init__(self, column: str, title: str) -> None:
        super().__init__(f'specifying "{column}={title}" is not allowed')
        self.column = column
        self.title = title


class PsFailed(EngineError):
    """ps is not there, does not take its arguments, or shows no pids."""


@dataclass(frozen=True, slots=True)
class ProcessTable:
    """What ps printed: the titles of its columns, and a text for each column of each process."""

    titles: list[str]
    processes: list[list[str]]


def top(engine: Engine, name: str, arguments: str = "") -> ProcessTable:
    """Return a container's processes by ps with these arguments, which are split at each space.

    Raises NoSuchContainer, NotRunning, ContainerRestarting, RenamedPid, PsFailed.
    """
    arguments = arguments or DEFAULT_ARGUMENTS
    check_arguments(arguments)
    container = rows.find(engine.database, name)
    if container.state.status == RESTARTING:
        raise ContainerRestarting(container.id, "top")
    groups = cgroup_of.find(container.state.pid, container.id) if container.state.alive else None
    if groups is None:
        raise NotRunning(container.id)
    pids = groups.processes()
    table = parse(_ps(arguments.split(" "), pids), set(pids))
    with engine.database.telling() as tx:
        rows.event(tx, container, "top")
    return table


def check_arguments(arguments: str) -> None:
    """Refuse to call another column PID. Raises RenamedPid."""
    for column, title in _RENAMED_PID.findall(arguments):
        if column != "pid":
            raise RenamedPid(column, title)


def parse(output: str, pids: Collection[int]) -> ProcessTable:
    """Return the lines of ps that are about these processes, and about their threads below them.

    What is more than there are titles belongs to the last column. Raises PsFailed.
    """
    first, *lines = output.split("\n")
    titles = _fields(first)
    if "PID" not in titles:
        raise PsFailed("Couldn't find PID field in ps output")
    column = titles.index("PID")
    processes = []
    ours = False
    for line in lines:
        fields = _fields(line)
        if len(fields) <= column:
            continue
        if fields[column] != "-":  # which marks a thread of the process before it
            try:
                ours = int(fields[column]) in pids
            except ValueError:
                raise PsFailed(f"Unexpected pid '{fields[column]}': {_not_a_number(fields[column])}") from None
        if ours:
            last = len(titles) - 1
            processes.append([*fields[:last], " ".join(fields[last:])])
    return ProcessTable(titles, processes)


def _fields(line: str) -> list[str]:
    return [field for field in _SPACE.split(line) if field]


def _not_a_number(text: str) -> str:
    return f'strconv.Atoi: parsing "{text}": invalid syntax'


def _ps(arguments: list[str], pids: list[int]) -> str:
    """Run ps for these pids only; some arguments do not go with that, so without it where it fails."""
    program = which("ps")
    if program is None:
        raise PsFailed('ps: exec: "ps": executable file not found in $PATH')
    only = "-q" + ",".join(map(str, pids))
    failure = ""
    for line in ([*arguments, only], arguments):
        try:
            done = subprocess.run([program, *line], stdin=subprocess.DEVNULL, capture_output=True, timeout=PS_SECONDS)
        except subprocess.TimeoutExpired:
            failure = f"no answer within {PS_SECONDS} s"
            continue
        except ValueError:  # a NUL in an argument
            failure = "fork/exec: invalid argument"
            continue
        if done.returncode == 0:
            return done.stdout.decode(errors="replace")
        said = done.stderr.decode(errors="replace").split("\n", 1)[0]
        failure = said or f"exit status {done.returncode}"
    raise PsFailed(f"ps: {failure}")
