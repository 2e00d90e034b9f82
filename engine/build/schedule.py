"""Which stages of a Dockerfile are built, in which order, and which at the same time. Pure, but for the threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from engine.build.dockerfile.instructions import Copy, Run, Stage
from engine.build.errors import BuildInvalid

MAXIMUM_STAGES = 1000


def target_of(stages: list[Stage], target: str) -> int:
    """Return the index of the stage that is to be built. Raises BuildInvalid."""
    if len(stages) > MAXIMUM_STAGES:
        raise BuildInvalid(f"the Dockerfile has {len(stages)} stages: at most {MAXIMUM_STAGES} can be built")
    if not target:
        return len(stages) - 1
    for index, stage in enumerate(stages):
        if stage.stage == target.lower():
            return index
    if target.isascii() and target.isdigit() and int(target) < len(stages):
        return int(target)
    raise BuildInvalid(f'target stage "{target}" could not be found')


def needs(stages: list[Stage], early: Callable[[str], str]) -> list[set[int]]:
    """Return for each stage the earlier ones that it says it needs; early replaces variables in a FROM.

    What ONBUILD of a base brings is not known yet: it is found when it is wanted.
    """
    names: dict[str, int] = {}
    found: list[set[int]] = []
    for index, stage in enumerate(stages):
        wanted = [early(stage.base)]
        for instruction in stage.instructions:
            if isinstance(instruction, Copy) and instruction.from_:
                wanted.append(instruction.from_)
            elif isinstance(instruction, Run):
                wanted += [each for mount in instruction.mounts if (each := _from_of(mount))]
        own = {names[each.lower()] for each in wanted if each.lower() in names}
        own |= {int(each) for each in wanted[1:] if each.isascii() and each.isdigit() and int(each) < index}
        found.append(own)
        if stage.stage:
            names[stage.stage] = index
    return found


def _from_of(mount: str) -> str:
    for item in mount.split(","):
        key, _, value = item.partition("=")
        if key.strip().lower() == "from":
            return value.strip()
    return ""


def needed(target: int, all_needs: list[set[int]]) -> list[int]:
    """Return the stages that a target needs, itself included, in their order."""
    found: set[int] = set()
    waiting = [target]
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            waiting += all_needs[index]
    return sorted(found)


class Schedule:
    """Builds stages, each when those that it needs are there, several at a time; each exactly once."""

    def __init__(self, build: Callable[[int], None], all_needs: list[set[int]], workers: int) -> None:
        self._build = build
        self._needs = all_needs
        self._workers = workers
        self._condition = threading.Condition()
        self._begun: set[int] = set()
        self._done: set[int] = set()
        self._failure: BaseException | None = None

    def run(self, wanted: list[int]) -> None:
        """Build these stages. Raises what the first one that failed did."""
        if len(wanted) == 1 or self._workers == 1:
            for index in wanted:
                self._take(index)
        else:
            with ThreadPoolExecutor(self._workers, thread_name_prefix="stage") as pool:
                for _ in range(min(self._workers, len(wanted))):
                    pool.submit(self._work, wanted)
        if self._failure is not None:
            raise self._failure

    def require(self, index: int) -> None:
        """Return when a stage is built: by whoever has begun it, or by the caller. Raises what it failed with."""
        with self._condition:
            while index in self._begun and index not in self._done and self._failure is None:
                self._condition.wait()
        if self._failure is not None:
            raise self._failure
        if index not in self._done:
            self._take(index)

    def _work(self, wanted: list[int]) -> None:
        try:
            while (index := self._next(wanted)) >= 0:
                self._take(index)
        except BaseException:  # it is kept, and raised by run
            return

    def _next(self, wanted: list[int]) -> int:
        """Return a stage that can be begun, waiting for one; -1 when there is nothing more to do."""
        with self._condition:
            while True:
                left = [index for index in wanted if index not in self._begun]
                if not left or self._failure is not None:
                    return -1
                for index in left:
                    if self._needs[index] <= self._done:
                        self._begun.add(index)
                        return index
                self._condition.wait()

    def _take(self, index: int) -> None:
        with self._condition:
            self._begun.add(index)
        try:
            self._build(index)
        except BaseException as error:
            with self._condition:
                self._failure = self._failure or error
                self._condition.notify_all()
            raise
        with self._condition:
            self._done.add(index)
            self._condition.notify_all()


class InOrder:
    """Puts what stages tell in the order of the stages, whichever of them are built at the same time.

    The first unfinished stage is heard at once, those after it when it is their turn.
    """

    def __init__(self, tell: Callable[[object], None], order: list[int]) -> None:
        self._tell = tell
        self._order = list(order)
        self._waiting: dict[int, list[object]] = {}
        self._finished: set[int] = set()
        self._mutex = threading.RLock()

    def tell(self, index: int, event: object) -> None:
        """Take an event of a stage."""
        with self._mutex:
            if index not in self._order or (
                self._order and self._order[0] == index
            ):  # found out about while the others were built
                self._tell(event)
            else:
                self._waiting.setdefault(index, []).append(event)

    def finish(self, index: int) -> None:
        """Note that a stage tells no more."""
        with self._mutex:
            self._finished.add(index)
            while self._order and self._order[0] in self._finished:
                self._order.pop(0)
                if self._order:
                    self._release(self._order[0])

    def flush(self, index: int) -> None:
        """Tell what a stage that failed had to say, before its turn."""
        with self._mutex:
            self._release(index)

    def _release(self, index: int) -> None:
        for event in self._waiting.pop(index, []):
            self._tell(event)
