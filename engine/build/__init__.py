"""Building images from Dockerfiles, on the engine's own containers and layers.

A library like the other areas: it knows nothing of HTTP, tells what happens as events, and takes its context, secrets
and further contexts through small interfaces (engine.build.request). dockerfile/ reads the language; builder.py runs a
build, stage.py a stage, run_step.py and copy_step.py the steps that write files; cache.py finds what was done before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from engine import Engine
    from engine.build.events import BuildEvent
    from engine.build.records import CachePruned, CacheRecord, PruneRequest
    from engine.build.request import BuildRequest


class Builds:
    """The builds of one engine, and the cache that they keep."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def build(self, request: BuildRequest) -> AsyncGenerator[list[BuildEvent]]:
        """Build an image, telling what happens in batches; closing the generator ends the build.

        See engine.build.builder.
        """
        from engine.build.stream import stream

        return stream(self._engine, request)

    def records(self) -> list[CacheRecord]:
        """Return what the build cache holds; see engine.build.records."""
        from engine.build.records import records

        return records(self._engine)

    def prune(self, request: PruneRequest) -> CachePruned:
        """Remove what of the build cache nothing needs; see engine.build.records."""
        from engine.build.records import prune

        return prune(self._engine, request)

    def recover(self) -> None:
        """Remove what killed builds left; see engine.build.recover."""
        from engine.build.recover import recover

        recover(self._engine)
