"""What a build tells while it goes on."""

from __future__ import annotations

from engine.lean_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Output:
    """A piece of text, as it is to be shown; stderr: it is of the kind that is shown in another colour."""

    text: str
    stderr: bool = False


@dataclass(frozen=True, slots=True)
class ImageMade:
    """A stage has ended in this image, sha256:<id>."""

    image_id: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is, in bytes; total is -1 when nobody knows."""

    identity: str
    action: str
    current: int = 0
    total: int = -1


@dataclass(frozen=True, slots=True)
class Nothing:
    """A message without content, which dockerd sends here and there when a download has ended."""


@dataclass(frozen=True, slots=True)
class PullEvent:
    """Something that a pull of a base image tells; event is engine.images.pull's own."""

    event: object


@dataclass(frozen=True, slots=True)
class Built:
    """The build's end: the image that it made, sha256:<id>."""

    image_id: str


BuildEvent = Output | ImageMade | Progress | Nothing | PullEvent | Built
