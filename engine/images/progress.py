"""What a pull or a push tells while it goes on. Pure."""

from __future__ import annotations

from engine.lean_dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """A line about the whole, or about what subject names."""

    text: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class LayerProgress:
    """What is happening to a layer, subject being its short id; bytes, total 0 where there is nothing to count."""

    subject: str
    action: str
    current: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class ImagePulled:
    """An image is there under the name that was asked for, and was not before when it is new."""

    reference: str  # in full
    image_id: str  # sha256:...
    new: bool
    warning: str = ""


@dataclass(frozen=True, slots=True)
class TagPushed:
    """A registry has an image under a tag now."""

    tag: str
    digest: str  # of the manifest
    size: int  # of the manifest, in bytes


TransferEvent = Said | LayerProgress | ImagePulled | TagPushed
