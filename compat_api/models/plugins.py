"""What the plugin endpoints would take and give."""

from __future__ import annotations

from typing import ClassVar

from compat_api.models.go import DockerModel, Texts


class Privilege(DockerModel):
    """Something that a plugin wants to be allowed."""

    go_type: ClassVar[str] = "types.PluginPrivilege"
    name: str = ""
    description: str = ""
    value: Texts | None = None


Privileges = list[Privilege]
Settings = list[str]


class PluginAnswer(DockerModel):
    """A plugin; there are none."""

    name: str
    enabled: bool


class PrivilegeAnswer(Privilege):
    """Something that a plugin asks for; none asks."""
