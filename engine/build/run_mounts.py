"""The mounts of a RUN: from the context, a stage or an image, caches that stay, memory, secrets and agents.

What a mount shows lies in the build's folder below the run root, or in a cache's below the root; the container binds
it. Sources count for the build cache by their content, caches and secrets do not.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import posixpath
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.build.configuring import Words, in_folder
from engine.build.dockerfile import mounts as syntax
from engine.build.dockerfile.instructions import Run
from engine.build.dockerfile.mounts import Mount
from engine.build.dockerfile.words import BadWords
from engine.build.errors import BuildFailed, BuildInvalid
from engine.containers.config import MountRequest
from engine.lean_dataclasses import dataclass, field

if TYPE_CHECKING:
    from engine.build.sources import Source
    from engine.build.stage import StageRun

INSECURE = "security.insecure"
SECRETS = "/run/secrets/"
AGENT = "/run/buildkit/ssh_agent.{}"
SHOWN = "bind"  # how the names of folders begin that sources are mounted on
_ID = "default"


@dataclass(slots=True)
class StepMounts:
    """What a RUN's container gets beyond its root; notes are the words that stand for it in the build cache."""

    requests: list[MountRequest] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    env: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@contextmanager
def prepared(stage: StageRun, instruction: Run, words: Words, script: tuple[str, str] | None) -> Iterator[StepMounts]:
    """Give what a RUN's mounts come to, and take it away when the block ends. Raises BuildInvalid, BuildFailed."""
    found = StepMounts()
    with ExitStack() as stack:
        if instruction.network != "default":
            if instruction.network == "host" and not stage.builder.request.bounds.host_network:
                raise BuildInvalid("the host's network is not allowed")
            found.notes.append(f"--network={instruction.network}")
        if instruction.security != "sandbox":
            if INSECURE not in stage.builder.request.entitlements:
                raise BuildInvalid(f"{INSECURE} is not allowed")
            found.notes.append(f"--security={instruction.security}")
        if instruction.devices:
            raise BuildInvalid("the --device option is not supported: no device driver is configured")
        for number, text in enumerate(instruction.mounts):
            try:
                mount = syntax.parse(text, words.one)
            except BadWords as error:
                raise BuildInvalid(str(error)) from None
            _Preparation(stage, found, stack, number).add(mount, text)
        if script is not None:
            _script(stage, found, stack, script)
        yield found


@dataclass(frozen=True, slots=True)
class _Preparation:
    stage: StageRun
    found: StepMounts
    stack: ExitStack
    number: int

    def add(self, mount: Mount, text: str) -> None:
        """Prepare one mount."""
        match mount.type:
            case syntax.BIND:
                self._bind(mount)
            case syntax.CACHE:
                self._cache(mount)
            case syntax.TMPFS:
                target = self._target(mount)
                options: dict[str, object] = {"SizeBytes": mount.size} if mount.size else {}
                self.found.requests.append(MountRequest(type="tmpfs", target=target, tmpfs_options=options or None))
            case syntax.SECRET:
                self._secret(mount)
                return
            case _:
                self._agent(mount)
                return
        if mount.type != syntax.BIND:
            self.found.notes.append(f"--mount={text}")

    def _target(self, mount: Mount) -> str:
        if not mount.target:
            raise BuildInvalid(f"missing mount target for type {mount.type}")
        target = in_folder(self.stage.config.working_dir, mount.target)
        if target == "/":
            raise BuildInvalid('invalid mount target "/"')
        self.found.targets.append(target)
        return target

    def _show(self, source: Path | str, target: str, *, read_only: bool) -> None:
        request = MountRequest(type="bind", source=str(source), target=target, read_only=read_only)
        self.found.requests.append(request)

    def _bind(self, mount: Mount) -> None:
        target = self._target(mount)
        source = self.stage.builder.source(mount.from_, self.stage)
        path = mount.source.lstrip("/")
        try:
            source.status(path)
            found = f"{source.identity}/{path}" if source.identity else source.sum_of(path)
        except FileNotFoundError:
            raise BuildFailed(f'failed to compute cache key: "/{path}": not found') from None
        self.found.notes.append(f"--mount=type=bind,source={found},target={target}{'' if mount.read_only else ',rw'}")
        self._show(self._place(source, path, mount), target, read_only=mount.read_only)

    def _place(self, source: Source, path: str, mount: Mount) -> Path:
        """Return a path of the machine that shows what a source has; what is written there goes nowhere."""
        fd = source.open(path, os.O_PATH)
        try:
            real = Path(os.readlink(f"/proc/self/fd/{fd}"))
            if mount.read_only and real.exists() and os.path.samestat(real.stat(), os.fstat(fd)):
                return real
            builder = self.stage.builder
            place = builder.folder() / f"{SHOWN}{self.number}-{os.urandom(4).hex()}"
            top = source.layer or Path(os.readlink(f"/proc/self/fd/{source.root}"))
            upper = None if mount.read_only else builder.assembly.folder()
            self.stack.enter_context(builder.engine.store.shown(top, place, upper))
            return place / source.resolved(path)
        finally:
            os.close(fd)

    def _cache(self, mount: Mount) -> None:
        target = self._target(mount)
        identity = mount.identity or target
        builder = self.stage.builder
        private = mount.sharing == syntax.PRIVATE
        folder = builder.caches.open(self.stack, identity, mount.sharing or syntax.SHARED, private=private)
        if not os.listdir(folder):
            if mount.from_:
                source = builder.source(mount.from_, self.stage)
                _filled(source, mount.source.lstrip("/"), folder)
            os.chmod(folder, 0o755 if mount.mode is None else mount.mode)
            os.chown(folder, mount.uid or 0, mount.gid or 0)
        self._show(folder, target, read_only=mount.read_only)

    def _secret(self, mount: Mount) -> None:
        identity = mount.identity or mount.source or posixpath.basename(mount.target)
        target = mount.target or ("" if mount.env is not None else SECRETS + posixpath.basename(identity))
        data = self.stage.builder.request.secrets.secret(identity)
        if data is None:
            if mount.required:
                raise BuildFailed(f"secret {identity}: not found")
            return
        if mount.env is not None:
            self.found.env.append(f"{mount.env or identity}={data.decode('utf-8', 'surrogateescape')}")
        if target:
            target = in_folder(self.stage.config.working_dir, target)
            path = self.stage.builder.folder() / f"secret{self.number}-{os.urandom(4).hex()}"
            self.stack.callback(path.unlink, missing_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                os.fchown(fd, mount.uid or 0, mount.gid or 0)
                os.fchmod(fd, 0o400 if mount.mode is None else mount.mode)
            self.found.targets.append(target)
            self._show(path, target, read_only=True)

    def _agent(self, mount: Mount) -> None:
        identity = mount.identity or _ID
        target = in_folder("/", mount.target or AGENT.format(self.number))
        self.found.env.append(f"SSH_AUTH_SOCK={target}")  # as BuildKit does, also where nothing will be there
        path = self.stage.builder.request.secrets.agent(identity)
        if path is None:
            if mount.required:
                raise BuildFailed(f'no SSH key "{identity}" forwarded from the client')
            return
        self.found.targets.append(target)
        self._show(path, target, read_only=False)


def _script(stage: StageRun, found: StepMounts, stack: ExitStack, script: tuple[str, str]) -> None:
    """Show a heredoc that is a program of its own."""
    from engine.build.run_step import SCRIPTS

    name, text = script
    folder = stage.builder.folder() / f"script-{os.urandom(4).hex()}"
    folder.mkdir(mode=0o755)
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    path = folder / name
    path.write_text(text, errors="surrogateescape")
    path.chmod(0o755)
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    found.notes.append(f"--script=sha256:{digest}")
    found.targets.append(SCRIPTS.rstrip("/"))
    found.requests.append(MountRequest(type="bind", source=str(folder), target=SCRIPTS.rstrip("/"), read_only=True))


def _filled(source: Source, path: str, folder: Path) -> None:
    from engine.build.copying import Copier

    fd = source.open(path, os.O_RDONLY | os.O_DIRECTORY)
    root = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        Copier(root, owner=None).folder(fd, "/")
    finally:
        os.close(root)
        os.close(fd)


class Caches:
    """The folders of cache mounts, ROOT/build/caches/<hash of the id>: each with a lock file and a file with its id.

    whose: for whom there are folders of their own, "" for everybody.
    """

    def __init__(self, folder: Path, whose: str = "") -> None:
        self.folder = folder
        self._before = f"{whose}\0" if whose else ""

    def open(self, stack: ExitStack, identity: str, sharing: str, *, private: bool) -> Path:
        """Return a cache's folder, held as long as the stack is; locked: alone; private: one that nobody else uses."""
        name = hashlib.sha256((self._before + identity).encode("utf-8", "surrogateescape")).hexdigest()
        number = 0
        while True:
            path = self.folder / (f"{name}.{number}" if number else name)
            path.mkdir(parents=True, exist_ok=True, mode=0o711)
            fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            kind = fcntl.LOCK_SH if sharing == syntax.SHARED else fcntl.LOCK_EX
            try:
                fcntl.flock(fd, kind | (fcntl.LOCK_NB if private else 0))
            except BlockingIOError:
                os.close(fd)
                number += 1
                continue
            if not self._stands(path, fd):
                os.close(fd)
                continue
            stack.callback(os.close, fd)
            (path / "id").write_text(identity, errors="surrogateescape")
            content = path / "content"
            content.mkdir(exist_ok=True, mode=0o755)
            return content

    @staticmethod
    def _stands(path: Path, fd: int) -> bool:
        """Whether the lock file is still the one of this folder, and was not pruned meanwhile."""
        try:
            return os.path.samestat(os.stat(path / "lock"), os.fstat(fd))
        except FileNotFoundError:
            return False
