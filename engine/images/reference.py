"""Image references: names, tags and digests as people write them, and as the store keeps them.

Grammar: distribution/reference. "busybox" is docker.io/library/busybox:latest in full and busybox:latest in its
familiar form. Pure; the error texts are dockerd's.
"""

from __future__ import annotations

import re
from functools import lru_cache

from engine.errors import InvalidReference
from engine.lean_dataclasses import dataclass

DOMAIN = "docker.io"
_OLD_DOMAIN = "index.docker.io"
_OFFICIAL = "library/"
LATEST = "latest"
_MAX_PATH = 255
_DIGEST_SIZES = {"sha256": 64, "sha384": 96, "sha512": 128}

_HOST_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_PATH = rf"{_PART}(?:/{_PART})*"
_TAG = r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_WHOLE = re.compile(rf"(?:({_HOST})/)?({_PATH})(?::({_TAG}))?(?:@({_DIGEST}))?")
_ONLY_TAG = re.compile(_TAG)
_IMAGE_ID = re.compile(r"[a-f0-9]{64}")
_ANY_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in full, with a tag, a digest, both or neither."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The repository in full."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The repository as people write it."""
        if self.domain == DOMAIN:
            return self.path.removeprefix(_OFFICIAL) if self.path.count("/") == 1 else self.path
        return self.name

    @property
    def full(self) -> str:
        """The reference as the store keeps it."""
        return self.name + self._suffix()

    @property
    def familiar(self) -> str:
        """The reference as people write it."""
        return self.familiar_name + self._suffix()

    @property
    def with_default_tag(self) -> Reference:
        """The same with the tag latest, if it has neither tag nor digest."""
        return self if self.tag or self.digest else Reference(self.domain, self.path, LATEST)

    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@lru_cache(maxsize=1024)
def parse(text: str) -> Reference:
    """Return the reference that a text stands for. Raises InvalidReference."""
    if _IMAGE_ID.fullmatch(text):
        raise InvalidReference(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    domain, rest = _split_domain(text)
    path = rest.split(":", 1)[0]
    if path.lower() != path:
        raise InvalidReference(f"invalid reference format: repository name ({path}) must be lowercase")
    found = _WHOLE.fullmatch(f"{domain}/{rest}")
    if found is None or found[1] is None:
        raise InvalidReference("invalid reference format")
    if len(found[2]) > _MAX_PATH:
        raise InvalidReference(f"repository name must not be more than {_MAX_PATH} characters")
    if found[4]:
        _check_digest(found[4])
    return Reference(found[1], found[2], found[3] or "", found[4] or "")


def parse_any(text: str) -> Reference | str:
    """Return a reference, or the digest ("sha256:...") where the text is a whole image id. Raises InvalidReference."""
    if _IMAGE_ID.fullmatch(text):
        return "sha256:" + text
    if is_digest(text):
        return text
    return parse(text)


def parse_target(repository: str, tag: str) -> Reference | None:
    """Return the name that an image is to be given; None for an empty repository. Raises InvalidReference.

    A tag of its own replaces the one that the repository's text has.
    """
    if not repository:
        return None
    found = parse(repository)
    if found.digest:
        raise InvalidReference("cannot import digest reference")
    if not tag:
        return found.with_default_tag
    if not _ONLY_TAG.fullmatch(tag):
        raise InvalidReference("invalid tag format")
    return Reference(found.domain, found.path, tag)


def is_digest(text: str) -> bool:
    """Whether a text is a whole digest of an algorithm that we know."""
    try:
        _check_digest(text)
    except InvalidReference:
        return False
    return True


def _check_digest(text: str) -> None:
    if not _ANY_DIGEST.fullmatch(text):
        raise InvalidReference("invalid checksum digest format")
    algorithm, _, value = text.partition(":")
    if algorithm not in _DIGEST_SIZES:
        raise InvalidReference("unsupported digest algorithm")
    if len(value) != _DIGEST_SIZES[algorithm]:
        raise InvalidReference("invalid checksum digest length")
    if not re.fullmatch("[a-f0-9]+", value):
        raise InvalidReference("invalid checksum digest format")


def _split_domain(text: str) -> tuple[str, str]:
    """Split off the registry's host: what comes before the first slash and cannot be a part of a path."""
    first, slash, rest = text.partition("/")
    if not slash:
        return DOMAIN, _OFFICIAL + text
    if first == "localhost" or "." in first or ":" in first or first.lower() != first:
        domain = DOMAIN if first == _OLD_DOMAIN else first
        return domain, _OFFICIAL + rest if domain == DOMAIN and "/" not in rest else rest
    return DOMAIN, text
