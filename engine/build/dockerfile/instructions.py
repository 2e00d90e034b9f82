"""Typed instructions of a Dockerfile. Variables in their words are not replaced yet. Pure."""

from __future__ import annotations

from engine.build.dockerfile.heredocs import Heredoc
from engine.containers.config import Healthcheck
from engine.lean_dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What all have: the source text, the name as written, and the lines that they stand on."""

    code: str = ""
    name: str = ""
    line: int = 0
    last_line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Env(Instruction):
    """ENV: variables in order."""

    pairs: list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Instruction):
    """LABEL; literal: it comes from the client, and its words are what they are."""

    pairs: list[tuple[str, str]]
    literal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintainer(Instruction):
    """MAINTAINER."""

    maintainer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Instruction):
    """COPY or ADD; unpack and keep_git_dir are None where nothing is said."""

    add: bool
    sources: list[str]
    heredocs: list[Heredoc] = field(default_factory=list)
    destination: str
    from_: str = ""
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    excludes: list[str] = field(default_factory=list)
    checksum: str = ""
    keep_git_dir: bool | None = None
    unpack: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine(Instruction):
    """RUN, CMD and ENTRYPOINT: words; shell: they are one text for the shell. None: nothing was given."""

    words: list[str] | None
    shell: bool
    files: list[Heredoc] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(CommandLine):
    """RUN; mounts are the texts of its --mount flags, which may hold variables (engine.build.dockerfile.mounts)."""

    mounts: list[str] = field(default_factory=list)
    network: str = "default"
    security: str = "sandbox"
    devices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cmd(CommandLine):
    """CMD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrypoint(CommandLine):
    """ENTRYPOINT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(Instruction):
    """HEALTHCHECK."""

    check: Healthcheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Expose(Instruction):
    """EXPOSE."""

    ports: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Instruction):
    """USER."""

    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(Instruction):
    """VOLUME."""

    volumes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSignal(Instruction):
    """STOPSIGNAL."""

    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg(Instruction):
    """ARG: names with their defaults, None for those without one."""

    pairs: list[tuple[str, str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell(Instruction):
    """SHELL."""

    shell: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workdir(Instruction):
    """WORKDIR."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnBuild(Instruction):
    """ONBUILD: the instruction that is kept for builds on the image, as text."""

    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(Instruction):
    """FROM and the instructions after it; stage is its name in lower case, "" for none."""

    base: str
    stage: str = ""
    platform: str = ""
    instructions: list[Instruction] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A whole Dockerfile: arguments before the first FROM, stages, and what is to be said about it."""

    arguments: list[Arg]
    stages: list[Stage]
    escape: str
    warnings: list[str]
