"""The documents of Docker's first image format, which dockerd still puts into the archives that it writes. Pure.

A document per layer, each naming the one below it by an id that is made of all that is in it; only the topmost has
what the image's configuration says. Nothing that is alive reads them; archives are compared byte by byte, though.
"""

from __future__ import annotations

import hashlib
from typing import Any

from engine.images.configuration import config_document, container_config, encode
from engine.storage.times import text_of
from engine.times import nanoseconds_of

EPOCH = "1970-01-01T00:00:00Z"


def documents(configuration: dict[str, Any], chain_ids: list[str]) -> list[bytes]:
    """Return the documents of an image's layers, the base first."""
    found: list[bytes] = []
    parent = ""
    for chain_id in chain_ids:
        fields = _fields(configuration) if len(found) + 1 == len(chain_ids) else _fields({"created": EPOCH})
        own = _id(fields, chain_id, parent)
        system = configuration.get("os") or "linux"
        named = {"id": own, **({"parent": parent} if parent else {}), **fields, "os": system}
        found.append(encode(named))
        parent = own
    return found


def _fields(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return what one document has of an image's configuration, in the order of Docker's own fields."""
    config = configuration.get("config")
    fields = {
        "comment": configuration.get("comment"),
        "created": _time(configuration.get("created")),
        "container": configuration.get("container"),
        "container_config": config_document(container_config({"config": configuration.get("container_config")})),
        "docker_version": configuration.get("docker_version"),
        "author": configuration.get("author"),
        "config": None if config is None else config_document(container_config({"config": config})),
        "architecture": configuration.get("architecture"),
        "variant": configuration.get("variant"),
        "os": configuration.get("os"),
    }
    return {key: value for key, value in fields.items() if value or key == "created"}


def _id(fields: dict[str, Any], chain_id: str, parent: str) -> str:
    named = {**fields, "layer_id": chain_id, **({"parent": f"sha256:{parent}"} if parent else {})}
    return hashlib.sha256(encode(dict(sorted(named.items())))).hexdigest()


def _time(text: Any) -> str | None:
    nanoseconds = nanoseconds_of(str(text)) if text else None
    return None if nanoseconds is None else text_of(nanoseconds)
