"""Which images a list request names, and what it shows of them."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from typing import TYPE_CHECKING

from engine.errors import InvalidFilter, NoSuchLayer
from engine.filters import has_labels, until
from engine.hurry import about_to_do
from engine.images import reference
from engine.images.record import Image, ImageSummary
from engine.images.remove import children_of
from engine.images.resolve import find, tags_and_digests, to_image
from engine.lean_dataclasses import dataclass, field
from engine.times import nanoseconds_of, seconds_of

if TYPE_CHECKING:
    from engine import Engine
    from engine.storage.layers import Layer

FILTERS = {"dangling", "label", "before", "since", "reference", "until"}
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """What a list request asks for."""

    all: bool = False
    filters: dict[str, list[str]] = field(default_factory=dict)
    shared_size: bool = False


class BadPattern(InvalidFilter):
    """A pattern for names that is none."""

    def __init__(self, pattern: str) -> None:
        super().__init__("reference", pattern, "syntax error in pattern")


def list_images(engine: Engine, query: ImageQuery) -> list[ImageSummary]:
    """Return the images that a query names, newest first. Raises InvalidFilter, NoSuchImage (before, since)."""
    for name in query.filters:
        if name not in FILTERS:
            raise InvalidFilter(name)
    stored = engine.store.images()
    about_to_do(len(stored))
    images = [to_image(engine, each) for each in stored]
    by_id = {image.id: image for image in images}
    dangling = _dangling(query.filters.get("dangling"))
    patterns = [_pattern(value) for value in query.filters.get("reference", [])]
    before = [_created(by_id[find(stored, value).id]) for value in query.filters.get("before", [])]
    before += [until(value) for value in query.filters.get("until", [])]
    since = [_created(by_id[find(stored, value).id]) for value in query.filters.get("since", [])]
    children = children_of(stored)
    shown: list[tuple[Image, list[str], list[str]]] = []
    for image in images:
        if children.get(image.id) and (dangling or not (query.all or image.names)):
            continue  # a step on the way to another image
        if (before or since) and not image.created:
            continue
        if (before and _created(image) >= min(before)) or (since and _created(image) <= max(since)):
            continue
        if not has_labels(image.config.labels or {}, query.filters.get("label", [])):
            continue
        names = [name for name in image.names if not patterns or _matches(name, patterns)]
        tags, digests = tags_and_digests(names)
        if not names and (patterns or dangling is False):
            continue
        if dangling and tags:
            continue
        shown.append((image, tags, digests))
    layers = {image.id: _layers(engine, image.layer) for image, *_ in shown}
    uses = (
        Counter(layer.id for image in images for layer in _layers(engine, image.layer)) if query.shared_size else None
    )
    containers = _containers(engine)
    summaries = [
        ImageSummary(
            id=image.digest,
            repo_tags=tags,
            repo_digests=digests,
            parent=f"sha256:{image.parent}" if image.parent else "",
            created=seconds_of(image.created),
            size=sum(engine.store.layer_size(layer) for layer in layers[image.id]),
            shared_size=-1
            if uses is None
            else sum(engine.store.layer_size(layer) for layer in layers[image.id] if uses[layer.id] > 1),
            containers=containers[image.id],
            labels=image.config.labels,
        )
        for image, tags, digests in shown
    ]
    return sorted(summaries, key=lambda summary: summary.created, reverse=True)


def layers_size(engine: Engine) -> int:
    """Return the bytes that the layers of all images take, each counted once."""
    layers = {layer.id: layer for each in engine.store.images() for layer in _layers(engine, each.layer)}
    return sum(engine.store.layer_size(layer) for layer in layers.values())


def path_matches(pattern: str, text: str) -> bool:
    """Whether a shell pattern as Go's path.Match knows it fits; a star does not reach over a slash."""
    return _pattern(pattern).fullmatch(text) is not None


def _pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression. Raises BadPattern."""
    found, at = "", 0
    while at < len(pattern):
        character = pattern[at]
        if character == "*":
            found += "[^/]*"
        elif character == "?":
            found += "[^/]"
        elif character == "[":
            end = pattern.find("]", at + 2)
            if end < 0:
                raise BadPattern(pattern)
            found += fnmatch.translate(pattern[at : end + 1].replace("[^", "[!", 1))[4:-3]
            at = end
        elif character == "\\":
            at += 1
            if at == len(pattern):
                raise BadPattern(pattern)
            found += re.escape(pattern[at])
        else:
            found += re.escape(character)
        at += 1
    try:
        return re.compile(found)
    except re.error:
        raise BadPattern(pattern) from None


def _matches(name: str, patterns: list[re.Pattern[str]]) -> bool:
    parsed = reference.parse(name)
    targets = (parsed.familiar, parsed.familiar_name)
    return any(pattern.fullmatch(target) for pattern in patterns for target in targets)


def _dangling(values: list[str] | None) -> bool | None:
    if not values:
        return None
    if len(values) > 1 or values[0].lower() not in _BOOLEANS:
        raise InvalidFilter("dangling", f"[{' '.join(sorted(values))}]")
    return _BOOLEANS[values[0].lower()]


def _created(image: Image) -> int:
    return nanoseconds_of(image.created) or 0


def _layers(engine: Engine, top: str | None) -> list[Layer]:
    try:
        return engine.store.layer_chain(top)
    except NoSuchLayer:
        return []  # somebody is removing the image


def _containers(engine: Engine) -> Counter[str]:
    rows = engine.database.rows("SELECT image_id, count(*) AS n FROM containers GROUP BY image_id")
    return Counter({row["image_id"]: row["n"] for row in rows})
