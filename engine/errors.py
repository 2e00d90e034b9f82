"""What can go wrong in the engine, named by the fact and not by how it is reported.

Errors carry the values that make them up as attributes. They know nothing of HTTP: compat_api maps
each class to a status and to the words that dockerd uses. Any module may raise them.
"""

from __future__ import annotations


class EngineError(Exception):
    """Any failure that the engine can name."""


class NotFound(EngineError):
    """Something that the caller named is not there."""


class Conflict(EngineError):
    """The request does not fit the state that something is in."""


class InvalidParameter(EngineError):
    """A value that the caller gave cannot be meant."""


class Forbidden(EngineError):
    """What the caller asks for is never allowed on this object."""


class NotModified(EngineError):
    """The object is already as the caller wants it."""


class Unavailable(EngineError):
    """A part of the machine that the request needs is missing or broken."""


class NotImplementedHere(EngineError):
    """The request is well formed, but this engine does not do it."""


class NoSuchContainer(NotFound):
    """No container has this name, id or id prefix."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no such container: {name}")
        self.name = name


class NoSuchImage(NotFound):
    """No image has this reference, id or id prefix."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"no such image: {reference}")
        self.reference = reference


class NoSuchExec(NotFound):
    """No exec session has this id."""

    def __init__(self, exec_id: str) -> None:
        super().__init__(f"no such exec session: {exec_id}")
        self.exec_id = exec_id


class NoSuchNetwork(NotFound):
    """No network has this name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no such network: {name}")
        self.name = name


class NoSuchVolume(NotFound):
    """No volume has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no such volume: {name}")
        self.name = name


class AmbiguousId(InvalidParameter):
    """An id prefix that stands for several objects."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"several ids begin with {prefix}")
        self.prefix = prefix


class EmptyName(InvalidParameter):
    """A container is asked for by no name at all; in dockerd's words."""

    def __init__(self) -> None:
        super().__init__('invalid name or ID supplied: ""')


class NameInUse(Conflict):
    """The container name belongs to another container."""

    def __init__(self, name: str, owner: str) -> None:
        super().__init__(f"the name {name} is taken by container {owner}")
        self.name = name
        self.owner = owner


class InvalidFilter(InvalidParameter):
    """A filter of a list or prune request that is not known, or a value that it does not take."""

    def __init__(self, name: str, value: str | None = None, cause: str = "") -> None:
        text = f"invalid filter '{name}'" if value is None else f"invalid filter '{name}={value}'"
        super().__init__(f"{text}: {cause}" if cause else text)
        self.name = name
        self.value = value
        self.cause = cause


class BadArchive(EngineError):
    """The bytes that should be an archive are none, or end too early; reason is in dockerd's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoSuchLayer(NotFound):
    """The store has no layer with this id."""

    def __init__(self, layer_id: str) -> None:
        super().__init__(f"no such layer: {layer_id}")
        self.layer_id = layer_id


class ReadOnlyImage(Conflict):
    """The image is in a store that this engine only reads."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"image {image_id} is in a read-only store")
        self.image_id = image_id


class StoredImageInUse(Conflict):
    """A container's record in the store, ours or another engine's, needs the image."""

    def __init__(self, image_id: str, container_id: str) -> None:
        super().__init__(f"image {image_id} is used by container {container_id}")
        self.image_id = image_id
        self.container_id = container_id


class InvalidReference(InvalidParameter):
    """A text that is no image reference; reason is in dockerd's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InvalidChange(InvalidParameter):
    """An instruction that an imported image cannot be changed by; reason is in dockerd's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ReferenceInUse(Conflict):
    """The last name of an image that a container was made from is not taken away without force."""

    def __init__(self, reference: str, container_id: str, image_id: str) -> None:
        super().__init__(f"container {container_id} uses image {image_id} under the name {reference}")
        self.reference = reference
        self.container_id = container_id
        self.image_id = image_id


class ImageInUse(Conflict):
    """A container needs the image; with force only a running one keeps it."""

    def __init__(self, image_id: str, container_id: str, *, running: bool) -> None:
        super().__init__(f"image {image_id} is used by container {container_id}")
        self.image_id = image_id
        self.container_id = container_id
        self.running = running


class ImageHasChildren(Conflict):
    """Other images were made on the image, so it is not removed, not by force either."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"image {image_id} has images that were made on it")
        self.image_id = image_id


class ImageHasNames(Conflict):
    """Several repositories name the image, so its id alone does not remove it without force."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"image {image_id} has several names")
        self.image_id = image_id


def listed(causes: list[str]) -> str:
    """Return several causes as one text, a line with a star for each; one alone stands as it is."""
    if len(causes) == 1:
        return causes[0].strip()
    return "\n".join("* " + cause.replace("\n", "\n\t") for cause in causes)
