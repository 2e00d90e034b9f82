"""Whether an image is for the platform that a container was asked to be for, and for this machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import NotFound

Platform = tuple[str, str, str]  # system, architecture, variant


class OtherPlatform(NotFound):
    """The image that was named is for another platform than was asked for; found and wanted are texts."""

    def __init__(self, reference: str, found: str, wanted: str) -> None:
        super().__init__(
            f"image with reference {reference} was found but its platform ({found}) does not match the specified "
            f"platform ({wanted})"
        )
        self.reference = reference
        self.found = found
        self.wanted = wanted


def of_image(document: Mapping[str, Any]) -> Platform:
    """Return the platform that an image's configuration names; what it leaves out is ""."""
    system, architecture, variant = (str(document.get(key) or "") for key in ("os", "architecture", "variant"))
    return system or "linux", architecture, variant


def text(platform: Platform) -> str:
    """Return a platform as linux/arm/v7."""
    return "/".join(part for part in platform if part)


def check(reference: str, image: Platform, wanted: Platform | None, own: Platform) -> list[str]:
    """Return a warning for an image that is not for this machine; raises OtherPlatform for one that was not meant.

    wanted is None when no platform was asked for.
    """
    if wanted is not None:
        if not fits(image, wanted):
            raise OtherPlatform(reference, text(image), text(wanted))
        return []
    if fits(image, own):
        return []
    return [
        f"The requested image's platform ({text(image)}) does not match the detected host platform ({text(own)}) "
        "and no specific platform was requested"
    ]


def fits(image: Platform, wanted: Platform) -> bool:
    """Whether an image is for a platform or for an older variant of it; an image that names none fits all."""
    if not image[1]:
        return True
    return image[:2] == wanted[:2] and (not wanted[2] or image[2] <= wanted[2])
