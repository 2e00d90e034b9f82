"""One stage of a Dockerfile: its instructions one after the other, each making an image of the one before.

What is told, and what goes into the images' histories, is what dockerd's classic builder says.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.build import configuring
from engine.build.arguments import Arguments
from engine.build.cache import Cache, Found
from engine.build.configuring import Words, variables_of
from engine.build.dockerfile.errors import DockerfileError
from engine.build.dockerfile.instructions import Arg, Cmd, Copy, Health, Instruction, Label, Maintainer, Run, Workdir
from engine.build.dockerfile.reading import trigger
from engine.build.errors import BuildInvalid
from engine.build.events import BuildEvent, Output
from engine.containers.config import ContainerConfig
from engine.images.configuration import container_config as parse_config
from engine.images.platform import Platform, of_document
from engine.images.record import Image
from engine.lean_dataclasses import dataclass, field, replace
from engine.runtime.spec import DEFAULT_PATH

if TYPE_CHECKING:
    from engine.build.builder import Builder

SHORT = 12
NOP = "#(nop) "
MAXIMUM_TRIGGERS = 1000
Tell = Callable[[BuildEvent], None]


@dataclass(slots=True)
class StageRun:
    """A stage that is being built; image is the last step's, None while it is still the empty one of scratch."""

    builder: Builder
    index: int
    arguments: Arguments
    tell: Tell
    cache: Cache
    platform: Platform
    escape: str
    image: Image | None = None
    config: ContainerConfig = field(default_factory=ContainerConfig)
    maintainer: str = ""
    cmd_set: bool = False

    # -- the stage itself

    def begin(self, base: Image | None) -> None:
        """Take the base's configuration over, and run what it keeps for builds. Raises BuildInvalid and others."""
        self.image = base
        if base is not None:
            self.config = replace(base.config, open_stdin=False, stdin_once=False)
            self.platform = replace(of_document(base.document), os_version="")
        self.config = configuring.with_default_path(self.config, DEFAULT_PATH)
        for name, value in self.builder.request.bounds.labels.items():
            self.do(Label(pairs=[(name, value)], literal=True, code=f"LABEL {name}={value}", name="label"))
        triggers = self.config.on_build or []
        if triggers:
            self.config = replace(self.config, on_build=None)
            self._run_triggers(triggers)
        self._renew()

    def step(self, instruction: Instruction) -> None:
        """Do one instruction, and say which image it made."""
        self.do(instruction)
        self._renew()
        self.say(f" ---> {self.short_id}\n")

    def do(self, instruction: Instruction) -> None:
        """Do one instruction. Raises BuildInvalid, BuildFailed, DockerfileError, and what containers and images do."""
        self.builder.cancellation.check()
        words = self.words()
        if isinstance(instruction, Run):
            from engine.build.run_step import run

            run(self, instruction, words)
        elif isinstance(instruction, Copy):
            from engine.build.copy_step import copy

            copy(self, instruction, words)
        else:
            self._configure(instruction, words)
        self.builder.assembly.flush(force=False)

    # -- for the instructions

    @property
    def short_id(self) -> str:
        """The image's short id, "" for scratch."""
        return self.image.id[:SHORT] if self.image is not None else ""

    def say(self, text: str, *, stderr: bool = False) -> None:
        """Show a text."""
        self.tell(Output(text, stderr))

    def words(self) -> Words:
        """Return how words are expanded here."""
        own = variables_of(self.config)
        return Words({**self.arguments.beside(own), **own}, self.escape)

    def found(self, container_config: ContainerConfig) -> bool:
        """Look for what a step would make; if it is there, it is the stage's image now."""
        found = self.cache.find(self.image, container_config, self.platform)
        if found is None:
            return False
        self.say(" ---> Using cache\n")
        self.image = self._take(found, container_config)
        if self.builder.request.bounds.make is not None:
            self.builder.request.bounds.make(self.image)
        self.builder.assembly.used(self.image)
        return True

    def noted(self, text: str, *, parts: int = 1) -> ContainerConfig:
        """Return the configuration that a step which runs nothing leaves as its mark, its text in one part or two."""
        mark = [f"{NOP}{text}"] if parts == 1 else [NOP, text]
        return replace(self.config, cmd=[*configuring.shell_of(self.config), *mark])

    def make(self, container_config: ContainerConfig, **made: Any) -> None:
        """Make the step's image; see engine.build.assembly."""
        self.image = self.builder.assembly.commit(
            self.image,
            self.config,
            container_config,
            author=self.maintainer,
            below={"os": self.platform.os, "architecture": self.platform.architecture}
            | ({"variant": self.platform.variant} if self.platform.variant else {}),
            **made,
        )

    # -- inside

    def _renew(self) -> None:
        digest = self.image.digest if self.image is not None else ""
        if self.config.image != digest:
            self.config = replace(self.config, image=digest)

    def _run_triggers(self, triggers: list[str]) -> None:
        if len(triggers) > MAXIMUM_TRIGGERS:
            raise BuildInvalid(f"the base image has {len(triggers)} build triggers: at most {MAXIMUM_TRIGGERS} are run")
        self.say(f"# Executing {len(triggers)} build trigger{'s' if len(triggers) > 1 else ''}\n")
        for expression in triggers:
            self._renew()
            self.do(trigger(expression))

    def _configure(self, instruction: Instruction, words: Words) -> None:
        if isinstance(instruction, Arg):
            for name, default in configuring.arguments_of(instruction, words):
                self.arguments.add(name, default)
        elif isinstance(instruction, Maintainer):
            self.maintainer = instruction.maintainer
        elif isinstance(instruction, Health):
            before = self.config.healthcheck
            if before is not None and before.test and before.test[0] != "NONE":
                self.say(f"Note: overriding previous HEALTHCHECK: {configuring.listed(before.test)}\n")
        try:
            config, text = configuring.changed(self.config, instruction, words, cmd_was_set=self.cmd_set)
        except KeyError:
            raise DockerfileError(f"unsupported command type: {instruction.name}", instruction.line) from None
        self.config = config
        if isinstance(instruction, Cmd):
            self.cmd_set = self.cmd_set or bool(instruction.words)
        if isinstance(instruction, Workdir):
            self._make_folder(text)
            return
        marked = self.noted(text, parts=2)
        if self.found(marked):
            return
        with self.builder.pretended(self, marked) as (container_id, container_config):
            # What dockerd fills in when it makes the container shows in the image, too.
            self.config = replace(self.config, healthcheck=container_config.healthcheck)
            self.make(container_config, container_id=container_id)

    def _make_folder(self, text: str) -> None:
        marked = self.noted(text)
        if self.found(marked):
            return
        from engine.containers.working_directory import make_folder_at

        store, assembly = self.builder.engine.store, self.builder.assembly
        folder = assembly.folder()
        with self.builder.pretended(self, marked) as (container_id, container_config):
            with store.scratch(self.image.layer if self.image is not None else None, folder) as scratch:
                make_folder_at(scratch.root, self.config.working_dir)
            staged = store.adopt(folder / "diff", folder / "split", epoch=assembly.epoch)
            self.make(container_config, container_id=container_id, staged=staged)

    def _take(self, found: Found, container_config: ContainerConfig) -> Image:
        """Return the image that was found; a step of an image from elsewhere is made an image of its own."""
        if found.step is None:
            return found.image
        parent = self.image
        document = found.image.document
        before = parent.document if parent is not None else {}
        layers = [*((before.get("rootfs") or {}).get("diff_ids") or []), *([found.layer] if found.layer else [])]
        layer = parent.layer if parent is not None else None
        if found.layer:
            known = self.builder.engine.store.layer_by_diff(layer, found.layer)
            layer = known.id if known is not None else layer
        from engine.images.configuration import config_document
        from engine.version import DOCKER_VERSION

        made: dict[str, Any] = {
            "architecture": document.get("architecture"),
            "config": config_document(container_config),
            "container_config": config_document(ContainerConfig()),
            "created": found.step.get("created"),
            "docker_version": DOCKER_VERSION,
            "history": [*(before.get("history") or []), found.step],
            "os": document.get("os"),
            "rootfs": {"type": "layers", "diff_ids": layers},
        }
        for key in ("author", "os.features", "os.version"):
            if document.get(key):
                made[key] = document[key]
        config = parse_config(made)
        return self.builder.assembly.add(parent, dict(sorted(made.items())), config, layer, event=False)


def new_container_id() -> str:
    """Return an id such as containers have, for a step that needs none but tells one."""
    return os.urandom(32).hex()
