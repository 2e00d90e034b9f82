"""The bodies that the exec endpoints take and give."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from compat_api.models.go import DockerModel, Go, Texts, Uint

Size = Annotated[list[Uint], Go("[2]uint")]


class ExecCreateBody(DockerModel):
    """What to run in a container, and how."""

    go_type: ClassVar[str] = "container.ExecOptions"
    user: str = ""
    privileged: bool = False
    tty: bool = False
    console_size: Size | None = None
    attach_stdin: bool = False
    attach_stderr: bool = False
    attach_stdout: bool = False
    detach_keys: str = ""
    env: Texts | None = None
    working_dir: str = ""
    cmd: Texts | None = None


class ExecCreateAnswer(DockerModel):
    """What exec create answers."""

    id: str = Field(alias="Id")


class ExecStartBody(DockerModel):
    """Whether to stay connected to an exec session's process."""

    go_type: ClassVar[str] = "container.ExecStartOptions"
    detach: bool = False
    tty: bool = False
    console_size: Size | None = None


class ProcessConfig(DockerModel):
    """An exec session's process."""

    tty: bool = Field(alias="tty")
    entrypoint: str = Field(alias="entrypoint")
    arguments: list[str] = Field(alias="arguments")
    privileged: bool = Field(default=False, alias="privileged")
    user: str = Field(default="", alias="user")


class ExecInspectAnswer(DockerModel):
    """What exec inspect answers."""

    id: str
    running: bool
    exit_code: int | None
    process_config: ProcessConfig
    open_stdin: bool
    open_stderr: bool
    open_stdout: bool
    can_remove: bool
    container_id: str
    detach_keys: str
    pid: int
