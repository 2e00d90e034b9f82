"""The images that a build makes, one for each step: their documents, and recording them a whole row at a time.

A step's image exists only here until the build records what it has: with one wait for the disk for all of them, at the
end, when a step fails, and every few seconds between. Layers are in the store as soon as they are made.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.containers.commit import committed_document
from engine.errors import NoSuchLayer
from engine.images.configuration import diff_ids, encode
from engine.images.manifest import manifest_for
from engine.images.record import Image
from engine.images.resolve import to_image
from engine.storage.images import NewImage
from engine.storage.layers import StagedLayer
from engine.storage.times import ZERO, text_of

if TYPE_CHECKING:
    from engine import Engine
    from engine.containers.config import ContainerConfig

EMPTY_ARCHIVE = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"  # two blocks of zeros
FLUSH_SECONDS = 5.0


class Assembly:
    """The images of one build; its stages may use it at the same time."""

    def __init__(
        self, engine: Engine, stage: Path, epoch: int | None, check: Callable[[Image], None] | None = None
    ) -> None:
        self.stage = stage  # the store's staging folder, in which all of the build's files lie
        self.epoch = epoch
        self._engine = engine
        self._check = check  # of each image that is made; raises what is wrong with it
        self._mutex = threading.Lock()
        self._pending: list[NewImage] = []
        self._events: list[tuple[str, dict[str, str]]] = []
        self._uses: list[tuple[str, str, str]] = []
        self._flushed = time.monotonic()
        self._sizes: dict[str, int] = {}
        self._count = 0

    def folder(self) -> Path:
        """Return a name in the staging folder that nothing has yet."""
        with self._mutex:
            self._count += 1
            return self.stage / str(self._count)

    def commit(
        self,
        parent: Image | None,
        config: ContainerConfig,
        container_config: ContainerConfig,
        *,
        author: str,
        container_id: str = "",
        staged: StagedLayer | None = None,
        below: dict[str, Any] | None = None,
    ) -> Image:
        """Make a step's image on its parent, on below's platform where there is none."""
        layer = parent.layer if parent is not None else None
        made: list[str] = []
        if staged is not None and staged.diff_id != EMPTY_ARCHIVE:
            layer = self._engine.store.record_built(layer, staged, self.stage).id
            made = [staged.diff_id]
            self._sizes[staged.diff_id] = staged.archive_size
        created = text_of(time.time_ns() if self.epoch is None else self.epoch * 10**9)
        document = committed_document(
            parent.document if parent is not None else below or {},
            config,
            container_config,
            container_id,
            made,
            created,
            comment="",
            author=author,
        )
        return self.add(parent, document, config, layer, event=bool(container_id))

    def add(
        self, parent: Image | None, document: dict[str, Any], config: ContainerConfig, layer: str | None, *, event: bool
    ) -> Image:
        """Take an image whose document is made already; event: its making is told of."""
        data = encode(document)
        manifest = manifest_for(data, [(each, self._size(layer, each)) for each in diff_ids(document)])
        created = str(document.get("created") or ZERO)
        parent_id = parent.id if parent is not None else ""
        from hashlib import sha256

        image = Image(sha256(data).hexdigest(), [], layer, config, document, parent_id)
        if self._check is not None:
            self._check(image)
        with self._mutex:
            self._pending.append(NewImage(data, manifest, layer, created, parent_id))
            if event:
                self._events.append((image.digest, {**(config.labels or {}), "name": image.digest}))
        self.used(image)
        return image

    def used(self, image: Image) -> None:
        """Note that a step's image was made, or found."""
        history = image.document.get("history") or [{}]
        with self._mutex:
            self._uses.append((image.id, image.parent, str(history[-1].get("created_by") or "")))

    def flush(self, *, force: bool = True) -> None:
        """Record the images that are not recorded yet; without force only when that was some time ago.

        Raises NoSuchLayer, OSError.
        """
        with self._mutex:
            if not force and time.monotonic() - self._flushed < FLUSH_SECONDS:
                return
            pending, events, uses = self._pending, self._events, self._uses
            self._pending, self._events, self._uses = [], [], []
            self._flushed = time.monotonic()
        if pending:
            self._engine.store.add_images(pending)
        if events or uses:
            now = time.time_ns()
            with self._engine.database.telling() as tx:  # what a power cut takes of it is only who used what when
                for actor, attributes in events:
                    tx.event("image", "create", actor, attributes)
                for identity, parent, description in uses:
                    tx.execute(
                        "INSERT INTO build_cache (id, kind, parent, description, created, used, uses) "
                        "VALUES (?, 'regular', ?, ?, ?, ?, 0) "
                        "ON CONFLICT (id) DO UPDATE SET used = excluded.used, uses = uses + 1",
                        (identity, parent, description, now, now),
                    )

    def recorded(self, image: Image) -> Image:
        """Return an image as the store has it. Raises NoSuchImage."""
        return to_image(self._engine, self._engine.store.image(image.id))

    def _size(self, top: str | None, diff_id: str) -> int:
        if diff_id not in self._sizes:
            try:
                for layer in self._engine.store.layer_chain(top):
                    self._sizes[layer.diff_id] = layer.archive_size
            except NoSuchLayer:
                pass
        return self._sizes.get(diff_id, 0)
