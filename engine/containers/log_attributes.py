"""What a log driver is told to put with each message: labels, variables, and a tag made by a template. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.containers.journal import field_name
from engine.containers.log_drivers import JOURNALD, LogOptionUnusable

if TYPE_CHECKING:
    from engine.containers.record import Container

_SHORT_ID = 12
_ACTION = re.compile(r"\{\{-?\s*\.(\w+)\s*-?\}\}")
_FIELDS: dict[str, Callable[[Container], str]] = {
    "ID": lambda container: container.id[:_SHORT_ID],
    "FullID": lambda container: container.id,
    "ContainerID": lambda container: container.id,
    "Name": lambda container: container.name.removeprefix("/"),
    "ContainerName": lambda container: "/" + container.name.removeprefix("/"),
    "ImageID": lambda container: f"sha256:{container.image_id}"[:_SHORT_ID],
    "ImageFullID": lambda container: f"sha256:{container.image_id}",
    "ContainerImageID": lambda container: f"sha256:{container.image_id}",
    "ImageName": lambda container: container.config.image,
    "ContainerImageName": lambda container: container.config.image,
    "Command": lambda container: " ".join([container.definition.path, *container.definition.args]),
    "ContainerEntrypoint": lambda container: container.definition.path,
    "DaemonName": lambda container: "docker",
}


def attributes(container: Container) -> dict[str, str]:
    """Return what a container's messages carry. Raises LogOptionUnusable."""
    options = container.host.log_config.config
    labels = container.config.labels or {}
    variables = dict(entry.split("=", 1) for entry in container.config.env or [] if "=" in entry)
    found: dict[str, str] = {}
    for option, values in (("labels", labels), ("env", variables)):
        found |= {key: values[key] for key in options.get(option, "").split(",") if key in values}
        pattern = options.get(f"{option}-regex", "")
        if pattern:
            compiled = _compiled(pattern)
            found |= {key: value for key, value in values.items() if compiled.search(key)}
    tag = _tag(options.get("tag", ""), container)
    if container.host.log_config.type == JOURNALD:  # there the tag is a field that dockerd does not count among them
        return {field_name(key): value for key, value in found.items()}
    return found | {"tag": tag} if tag else found


def journal_tag(container: Container) -> str:
    """Return what the journal calls the container's messages. Raises LogOptionUnusable."""
    return _tag(container.host.log_config.config.get("tag", "") or "{{.ID}}", container)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        cause = "missing closing )" if "missing )" in str(error) else str(error)
        raise LogOptionUnusable(f"error parsing regexp: {cause}: `{pattern}`") from error


def _tag(template: str, container: Container) -> str:
    """Fill in a template of Go's as far as it names fields."""
    plain = _ACTION.sub("", template)
    if "{{" in plain:
        if "}}" not in plain[plain.index("{{") :]:
            raise LogOptionUnusable("template: log-tag:1: unclosed action")
        raise LogOptionUnusable(f"template: log-tag:1: only fields can be named: {template}")

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in _FIELDS:
            raise LogOptionUnusable(
                f'template: log-tag:1:{match.start(1) - 1}: executing "log-tag" at <.{name}>: '
                f"can't evaluate field {name} in type *logger.Info"
            )
        return _FIELDS[name](container)

    return _ACTION.sub(value, template)
