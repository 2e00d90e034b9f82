"""The campaign: for each verb, a process killed at a step, and then whether the next call mends what it left."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine import Engine, Settings, locks
from engine.containers import folders
from engine.containers.listing import ListQuery
from engine.errors import EngineError, NotFound
from engine.runtime import monitor
from tests.crash.dying import TAG, VERBS, create
from tests.harness import leftovers, processes
from tests.harness.busybox_image import busybox_archive
from tests.harness.registry import Registry
from tests.harness.registry_images import add_image, layer

NAME = "crash-a"
PATIENCE = 30.0
TABLES = ("containers", "exec_sessions", "endpoints", "leases", "ports", "volume_uses", "probes")


@dataclass
class Report:
    """How many processes were killed, at which verbs' steps, and what was wrong after it."""

    kills: int = 0
    steps: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


class Campaign:
    """Kills over an engine of its own below home."""

    def __init__(self, home: Path, seed: int) -> None:
        self.root, self.run_root = home / "root", home / "run"
        self.home = home
        self.report = Report()
        self._random = random.Random(seed)
        self._archive = home / "more.tar"
        self._archive.write_bytes(busybox_archive(["more:latest"]))
        registry = Registry().__enter__()  # there until the campaign's process ends
        self._pulled = f"{registry.host}/pulled:1"
        add_image(registry, "pulled", "1", [layer(number, 100_000) for number in range(3)])
        with (home / "image.tar").open("wb") as file:
            file.write(busybox_archive([TAG]))
        with (home / "image.tar").open("rb") as file:
            list(self.engine().images.load(file))
        self._layers = len(self.engine().store.all_layers())

    def engine(self) -> Engine:
        """Return an engine as a process that has just begun has it."""
        return Engine(Settings(root=self.root, run_root=self.run_root))

    def verbs(self) -> list[str]:
        """Return what can be killed."""
        return list(VERBS)

    def every_step(self, verb: str, *, at_most: int | None = None) -> None:
        """Kill a verb at each of its steps, or at so many of them by chance."""
        total = self._count(verb)
        self.report.steps[verb] = total
        chosen = list(range(1, total + 1))
        if at_most is not None and at_most < total:
            chosen = sorted(self._random.sample(chosen, at_most))
        for step in chosen:
            self._kill_at(verb, step)

    def at_random(self, kills: int) -> None:
        """Kill a random one of the processes of a living container at a random moment, so often."""
        for _ in range(kills):
            engine = self.engine()
            self._prepare("stop", engine)
            time.sleep(self._random.uniform(0, 0.15))
            victims = [
                each
                for each in processes.mentioning(f"{self.home}/")
                if any(part in each.line for part in ("conmon", "health_monitor", "monitor_exit", "attendant"))
            ]
            if self._random.random() < 0.5:
                engine.containers.kill(NAME)  # so that an exit command runs
                victims = [each for each in processes.mentioning(f"{self.home}/") if "monitor_exit" in each.line] or []
            if victims:
                victim = self._random.choice(victims)
                _signal(victim.pid)
                processes.wait_for_end(victim.pid, PATIENCE)
                self.report.kills += 1
                self._check(f"{victim.line.split()[1].rpartition('/')[2]} killed")
            self._clear("at random")

    def _count(self, verb: str) -> int:
        engine = self.engine()
        with self._prepared(verb, engine) as arguments:
            done = self._child(0, verb, *arguments)
        self._clear(f"{verb} at none")
        if done.returncode != 0:
            raise AssertionError(f"{verb} fails by itself: {done.stderr}")
        return int(done.stdout.split()[-1])

    def _kill_at(self, verb: str, step: int) -> None:
        engine = self.engine()
        with self._prepared(verb, engine) as arguments:
            done = self._child(step, verb, *arguments)
        if done.returncode == -signal.SIGKILL:
            self.report.kills += 1
        elif done.returncode:
            self.report.faults.append(f"{verb} at {step}: {done.stderr[-400:]}")
        self._check(f"{verb} at {step}")
        self._clear(f"{verb} at {step}")

    def _child(self, step: int, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        line = [
            sys.executable,
            "-B",  # a file of bytecode that is written is no step
            "-m",
            "tests.crash.dying",
            str(self.root),
            str(self.run_root),
            str(step),
            verb,
            *arguments,
        ]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)

    def _prepared(self, verb: str, engine: Engine) -> Prepared:
        return Prepared(self, verb, engine)

    def _prepare(self, verb: str, engine: Engine) -> list[str]:
        """Bring about what a verb needs; returns its arguments."""
        if verb == "create":
            return [NAME]
        if verb == "load":
            return [str(self._archive)]
        if verb == "pull":
            return [self._pulled]
        if verb == "rmi":
            with self._archive.open("rb") as file:
                list(engine.images.load(file))
            return ["more:latest"]
        if verb == "volume":
            engine.volumes.create("crash-more")
            return ["crash-more"]
        if verb in ("network", "network-remove", "connect", "disconnect"):
            from engine.network.create import NewNetwork

            if verb != "network":
                engine.networks.create(NewNetwork("crash-net"))
            if verb in ("network", "network-remove"):
                return ["crash-net"]
        create(engine, NAME)
        if verb in ("start", "remove", "rename"):
            return [NAME]
        engine.containers.start(NAME)
        if verb == "unpause":
            engine.containers.pause(NAME)
        if verb == "disconnect":
            from engine.containers.config import EndpointRequest

            engine.containers.connect("crash-net", NAME, EndpointRequest())
        return [NAME]

    def _check(self, what: str) -> None:
        """Make the next call, as a process that knows nothing, and compare rows with the machine."""
        try:
            engine = self.engine()
            engine.containers.reconcile()
            deadline = time.monotonic() + PATIENCE
            # A health monitor takes a moment to be there, and an exit command may be at the container just now.
            while doubts := list(engine.containers.doubtful()):
                if time.monotonic() > deadline:
                    self.report.faults.append(f"{what}: still to be mended: {doubts}")
                    break
                time.sleep(0.05)
                engine.containers.reconcile()
            for container in engine.containers.list(_everyone()):
                self._check_container(engine, container.id, what)
        except (EngineError, OSError, AssertionError) as error:
            self.report.faults.append(f"{what}: the next call fails: {error!r}")

    def _check_container(self, engine: Engine, container_id: str, what: str) -> None:
        container = engine.containers.get(container_id)
        state, run_folder = container.state, folders.run(engine.settings, container_id)
        if state.intent:
            self.report.faults.append(f"{what}: the intent {state.intent} is left")
        if state.alive:
            alive = monitor.alive(run_folder) and os.path.exists(f"/proc/{state.pid}")
            if not alive:
                self.report.faults.append(f"{what}: it is said to run and does not")
        elif state.status == "exited" and state.exit_code not in (0, 137, 143):
            self.report.faults.append(f"{what}: the exit code {state.exit_code} is none that it can have")
        if not state.alive and state.pid and os.path.exists(f"/proc/{state.pid}"):
            self.report.faults.append(f"{what}: it is said to have ended and runs")

    def _clear(self, what: str) -> None:
        """Remove all that is there by ordinary calls, and count what is left then."""
        engine = self.engine()
        try:
            engine.containers.reconcile()
            for container in engine.containers.list(_everyone()):
                engine.containers.remove(container.id, force=True, volumes=True)
            for remove, name in (
                (engine.networks.remove, "crash-net"),
                (lambda name: engine.volumes.remove(name, force=True), "crash-volume"),
                (lambda name: engine.volumes.remove(name, force=True), "crash-more"),
                (lambda name: engine.images.remove(name, force=True), "more:latest"),
                (lambda name: engine.images.remove(name, force=True), self._pulled),
            ):
                try:
                    remove(name)
                except NotFound:
                    pass
        except (EngineError, OSError) as error:
            self.report.faults.append(f"{what}: clearing fails: {error!r}")
        left: dict[str, list[str]] = leftovers.at_rest(self.root, self.run_root)
        rows = {
            table: count
            for table in TABLES
            if (count := engine.database.rows(f"SELECT count(*) AS number FROM {table}")[0]["number"])
        }
        layers = len(engine.store.all_layers()) - self._layers
        volumes = [row["name"] for row in engine.database.rows("SELECT name FROM volumes")]
        if left or rows or layers or volumes:
            self.report.faults.append(f"{what}: left: {left} rows {rows} layers {layers:+} volumes {volumes}")
            leftovers.take_away(self.root, self.run_root)
        engine.database.close()


class Prepared:
    """What a verb needs, there while its process runs; for an exit, the container has ended and nobody has seen it."""

    def __init__(self, campaign: Campaign, verb: str, engine: Engine) -> None:
        self._campaign, self._verb, self._engine = campaign, verb, engine

    def __enter__(self) -> list[str]:
        arguments = self._campaign._prepare(self._verb, self._engine)
        if self._verb != "settle":
            return arguments
        engine = self._engine
        container = engine.containers.get(NAME)
        lock = folders.lock_name(container.id)
        with locks.locked(engine.settings.locks, lock):
            os.kill(container.state.pid, signal.SIGKILL)
            _until(lambda: monitor.exit_code(folders.run(engine.settings, container.id)) is not None)
            _until(lambda: any(self._exit_commands()))  # it waits for the lock
            for pid in self._exit_commands():
                _signal(pid)
        return [container.id]

    def _exit_commands(self) -> Iterator[int]:
        for each in processes.mentioning(f"{self._campaign.home}/"):
            if "monitor_exit" in each.line and "conmon" not in each.line:
                yield each.pid

    def __exit__(self, *_: object) -> None:
        pass


def _everyone() -> ListQuery:
    return ListQuery(all=True)


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    processes.wait_for_end(pid, PATIENCE)


def _until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come about")
        select.select([], [], [], 0.005)
