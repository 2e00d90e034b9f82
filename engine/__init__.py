"""Skiff's engine: containers, images, networks and volumes, with no daemon behind them.

`from engine import Engine, Settings` is the whole entry: Engine(Settings()).containers and its siblings are the
areas, each imported when it is first used, so that a process pays only for what it calls. Nothing in
here knows of HTTP or of Docker's JSON.
"""

from __future__ import annotations

from functools import cached_property

TYPE_CHECKING = False  # typing's own, without importing typing: this is on the way to a server's first answer
if TYPE_CHECKING:
    from engine.build import Builds
    from engine.check import Finding
    from engine.containers import Containers
    from engine.events import Events
    from engine.images import Images
    from engine.network import Networks
    from engine.settings import Settings
    from engine.state.database import Database
    from engine.storage.store import Store
    from engine.system import System
    from engine.volumes import Volumes

__all__ = ["Engine", "Settings"]


class Engine:
    """One engine: the areas over one pair of folders. Cheap to make; opens nothing before it is used."""

    def __init__(self, settings: Settings | None = None) -> None:
        from engine.settings import Settings

        self.settings = settings or Settings()

    @cached_property
    def database(self) -> Database:
        """The records; for the areas, not for callers."""
        from engine.state.database import Database

        return Database(self.settings.database, self.settings.run_root / "changed")

    @cached_property
    def store(self) -> Store:
        """Images' and containers' layers; for the areas, not for callers."""
        from engine.storage.config import store_options
        from engine.storage.store import Store

        options = store_options(self.settings)
        return Store(options.graph_root, options.run_root, options.additional, options.mount_options)

    @cached_property
    def containers(self) -> Containers:
        """Containers and their exec sessions."""
        from engine.containers import Containers

        return Containers(self)

    @cached_property
    def images(self) -> Images:
        """Images: their names, configurations and archives."""
        from engine.images import Images

        return Images(self)

    @cached_property
    def builds(self) -> Builds:
        """Building images from Dockerfiles, and the cache of that."""
        from engine.build import Builds

        return Builds(self)

    @cached_property
    def networks(self) -> Networks:
        """Networks, addresses and published ports."""
        from engine.network import Networks

        return Networks(self)

    @cached_property
    def volumes(self) -> Volumes:
        """Local volumes."""
        from engine.volumes import Volumes

        return Volumes(self)

    @cached_property
    def events(self) -> Events:
        """What happened, in order."""
        from engine.events import Events

        return Events(self)

    def check(self, *, repair: bool = False, contents: bool = False) -> list[Finding]:
        """Return what is wrong with this machine and this engine, in words; with repair, mend what can be.

        With contents, every layer of every image is read, too.
        """
        from engine.check import check

        return check(self, repair=repair, contents=contents)

    @cached_property
    def system(self) -> System:
        """Facts about this machine and this engine."""
        from engine.system import System

        return System(self)


def __getattr__(name: str) -> object:
    if name == "Settings":
        from engine.settings import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
