"""What a log driver is told to put with each message: labels, variables, and a tag made by a template. Pure."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from engine.containers.journal import field_name
from engine.containers.log_drivers import JOURNALD, LogOptionUnusable
from engine.times import go_time

if TYPE_CHECKING:
    from engine.containers.record import Container

_SHORT_ID = 12


def attributes(container: Container, log_path: str = "") -> dict[str, str]:
    """Return what a container's messages carry; log_path is where they lie. Raises LogOptionUnusable."""
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
    tag = _tag(options.get("tag", ""), container, log_path)
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


def _tag(template: str, container: Container, log_path: str = "") -> str:
    """Fill in a template of Go's."""
    if "{{" not in template:
        return template
    from engine.containers.go_template import BadTemplate, Fields, Template

    try:
        return Template("log-tag", template).render(Fields("*logger.Info", *_facts(container, log_path)))
    except BadTemplate as error:
        raise LogOptionUnusable(str(error)) from error


def _facts(container: Container, log_path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a tag's template can name: the fields and the methods of dockerd's logger.Info."""
    name, image = container.name.removeprefix("/"), f"sha256:{container.image_id}"
    definition = container.definition
    fields = {
        "Config": container.host.log_config.config,
        "ContainerID": container.id,
        "ContainerName": f"/{name}",
        "ContainerEntrypoint": definition.path,
        "ContainerArgs": definition.args,
        "ContainerImageID": image,
        "ContainerImageName": container.config.image,
        "ContainerCreated": go_time(container.created),
        "ContainerEnv": container.config.env or [],
        "ContainerLabels": container.config.labels or {},
        "LogPath": log_path,
        "DaemonName": "docker",
    }
    methods = {
        "ID": container.id[:_SHORT_ID],
        "FullID": container.id,
        "Name": name,
        "ImageID": image[:_SHORT_ID],
        "ImageFullID": image,
        "ImageName": container.config.image,
        "Command": " ".join([definition.path, *definition.args]),
        "Hostname": os.uname().nodename,
    }
    return fields, methods
