"""The answers of the container endpoints, for the OpenAPI document; compat_api.shapes writes the larger ones."""

from __future__ import annotations

from pydantic import Field

from compat_api.models.go import DockerModel


class CreateAnswer(DockerModel):
    """What create answers."""

    id: str = Field(alias="Id")
    warnings: list[str]


class WaitError(DockerModel):
    """Why a wait failed."""

    message: str


class WaitAnswer(DockerModel):
    """What wait answers once the container has ended."""

    status_code: int
    error: WaitError | None = None


class PruneAnswer(DockerModel):
    """What a prune removed."""

    containers_deleted: list[str] | None
    space_reclaimed: int
