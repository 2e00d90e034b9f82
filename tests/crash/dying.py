"""One verb of the engine in a process of its own that kills itself at its n-th step: `python -m tests.crash.dying`.

    dying.py ROOT RUN_ROOT STEP VERB [ARGUMENT ...]

A step is each moment at which the machine or the state is about to change or has just changed: opening a file to
write, making, renaming and removing files and folders, each system call of engine.syscalls, each process that is
started, around every statement of a transaction and every commit. STEP 0 kills at none. Prints how many steps there
were when the verb comes to its end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import Engine, Settings, syscalls
from engine.containers.config import ContainerConfig, EndpointRequest, Healthcheck, HostConfig, PortBinding
from engine.containers.create import CreateRequest
from engine.containers.execs import ExecConfig
from engine.containers.settle import settle_exit
from engine.images.reference import parse
from engine.network.create import NewNetwork
from engine.state.database import Database, Transaction

TAG = "busybox:latest"
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
EVENTS = frozenset(
    (
        "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
        "os.chown", "os.kill", "subprocess.Popen", "os.posix_spawn", "shutil.rmtree",
    )
)  # fmt: skip
CALLS = ("mount", "umount2", "unshare", "setns", "pivot_root", "move_mount", "open_tree", "syncfs")


class Steps:
    """Counts, and kills at one."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last
        self._counting = False

    def begin(self) -> None:
        """Count from here on."""
        self._counting = True

    def step(self) -> None:
        """Count one."""
        if self._counting:
            self.count += 1
            if self.count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Have everything that is a step counted."""

        def audit(event: str, arguments: tuple[Any, ...]) -> None:
            if event in EVENTS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES):
                self.step()

        sys.addaudithook(audit)
        for name in CALLS:
            setattr(syscalls, name, self._counted(getattr(syscalls, name)))
        for cls, name in ((Database, "wake"), (Transaction, "execute"), (Transaction, "event")):
            setattr(cls, name, self._counted(getattr(cls, name)))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.step()
            found = call(*arguments, **options)
            self.step()
            return found

        return counted


def create(engine: Engine, name: str) -> None:
    """Make a container with everything that a container can leave behind."""
    config = ContainerConfig(
        image=TAG,
        cmd=["sleep", "1000"],
        volumes=["/v"],
        exposed_ports=["80/tcp"],
        healthcheck=Healthcheck(test=["CMD", "true"], interval=50_000_000),
    )
    host = HostConfig(port_bindings={"80/tcp": [PortBinding()]}, binds=["crash-volume:/named"])
    engine.containers.create(CreateRequest(name=name, config=config, host=host))


def execute(engine: Engine, name: str) -> None:
    """Run an exec session that has nothing to say."""
    exec_id = engine.containers.exec_create(name, ExecConfig(cmd=["true"], attach_stdout=True))
    asyncio.run(engine.containers.exec_start(exec_id, detach=True))


def load(engine: Engine, path: str) -> None:
    """Load an archive of an image."""
    with open(path, "rb") as file:
        list(engine.images.load(file))


def pull(engine: Engine, reference: str) -> None:
    """Fetch an image from a registry."""

    async def all_of_it() -> None:
        async for _ in engine.images.pull(parse(reference)):
            pass

    asyncio.run(all_of_it())


VERBS: dict[str, Callable[..., Any]] = {
    "create": create,
    "start": lambda engine, name: engine.containers.start(name),
    "stop": lambda engine, name: engine.containers.stop(name, timeout=0),
    "kill": lambda engine, name: engine.containers.kill(name),
    "restart": lambda engine, name: engine.containers.restart(name, timeout=0),
    "pause": lambda engine, name: engine.containers.pause(name),
    "unpause": lambda engine, name: engine.containers.unpause(name),
    "remove": lambda engine, name: engine.containers.remove(name, volumes=True),
    "remove-force": lambda engine, name: engine.containers.remove(name, force=True, volumes=True),
    "rename": lambda engine, name: engine.containers.rename(name, f"{name}-other"),
    "exec": execute,
    "settle": lambda engine, container_id: settle_exit(engine, container_id),
    "network": lambda engine, name: engine.networks.create(NewNetwork(name)),
    "network-remove": lambda engine, name: engine.networks.remove(name),
    "connect": lambda engine, name: engine.containers.connect("crash-net", name, EndpointRequest()),
    "disconnect": lambda engine, name: engine.containers.disconnect("crash-net", name),
    "load": load,
    "pull": pull,
    "rmi": lambda engine, name: engine.images.remove(name, force=True),
    "volume": lambda engine, name: engine.volumes.remove(name),
}


def main(root: str, run_root: str, step: str, verb: str, *arguments: str) -> None:
    """Run one verb."""
    steps = Steps(int(step))
    engine = Engine(Settings(root=Path(root), run_root=Path(run_root)))
    steps.watch()
    steps.begin()
    VERBS[verb](engine, *arguments)
    print(steps.count)


if __name__ == "__main__":
    main(*sys.argv[1:])
