"""What a build is asked for, in the engine's terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from engine.containers.config import HostConfig
from engine.lean_dataclasses import dataclass, field

if TYPE_CHECKING:
    from engine.images.record import Image
    from engine.images.reference import Reference
    from engine.registry.hosts import Credentials
    from engine.storage.source import Readable


class Secrets(Protocol):
    """What a client lends to the commands of a build; nothing of it gets into an image."""

    def secret(self, identity: str) -> bytes | None:
        """Return a secret's content, None when the client has none of this id."""

    def agent(self, identity: str) -> str | None:
        """Return the path of a socket that leads to an SSH agent, None when the client has none of this id."""


class NoSecrets:
    """A client that lends nothing."""

    def secret(self, identity: str) -> bytes | None:
        """Return None."""
        del identity
        return None

    def agent(self, identity: str) -> str | None:
        """Return None."""
        del identity
        return None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a build is held to for somebody who may not do everything.

    labels: every image that it makes has these, also those of single steps. use, make, name: called by a thread of the
    build with an image before it is used, with one before it is recorded, and with each name before it is given; they
    raise what is wrong with it. host_network: whether RUN may ask for the host's network. fetch: whether the engine
    fetches files and repositories for it, which it does from the host's network. caches: for whom --mount=type=cache
    has folders of its own, "" for those of everybody.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    use: Callable[[Image], None] | None = None
    make: Callable[[Image], None] | None = None
    name: Callable[[str], None] | None = None
    host_network: bool = True
    fetch: bool = True
    caches: str = ""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build and how.

    archive: the context as a tar stream, packed or not; remote: a URL or git repository in its place. host: what
    the containers of RUN get. A build argument without a value is None. remove, always_remove: what becomes of these
    containers when a step was done, and in any case. contexts: more contexts by their names in --from, each a function
    that gives an archive. entitlements: what RUN may ask for beyond a sandbox, such as security.insecure. epoch: no
    file in a layer, and no image, is younger than this, in seconds since 1970.
    """

    archive: Readable | None = None
    remote: str = ""
    dockerfile: str = "Dockerfile"
    tags: list[str] = field(default_factory=list)
    build_args: Mapping[str, str | None] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    platform: str = ""
    no_cache: bool = False
    cache_from: list[str] = field(default_factory=list)
    pull: bool = False
    remove: bool = True
    always_remove: bool = False
    host: HostConfig = field(default_factory=HostConfig)
    credentials: Callable[[Reference], Credentials | None] | None = None
    secrets: Secrets = field(default_factory=NoSecrets)
    contexts: Mapping[str, Callable[[], Readable]] = field(default_factory=dict)
    entitlements: frozenset[str] = frozenset()
    bounds: Bounds = field(default_factory=Bounds)
    epoch: int | None = None
