"""Images as Docker's JSON, in dockerd's order of fields. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from compat_api import versions
from compat_api.shapes.host_config import container_config
from compat_api.shapes.times import NEVER

if TYPE_CHECKING:
    from engine.images.distribution import Distribution
    from engine.images.load import LoadEvent
    from engine.images.progress import TransferEvent
    from engine.images.record import HistoryEntry, ImageDetails, ImageSummary, Removed
    from engine.images.search import Found

Json = dict[str, Any]
Version = tuple[int, ...]

_FRACTION = re.compile(r"\.(\d*?)0*(?=Z|[+-]\d\d:\d\d$)")

# What the configuration of an image shows when it is empty, too; and what older clients are shown besides.
_ALWAYS: Json = {
    "Cmd": None,
    "Entrypoint": None,
    "Env": None,
    "Labels": None,
    "OnBuild": None,
    "User": "",
    "Volumes": None,
    "WorkingDir": "",
}
_BEFORE_1_50: Json = {
    "AttachStderr": False,
    "AttachStdin": False,
    "AttachStdout": False,
    "Domainname": "",
    "Hostname": "",
    "Image": "",
    "OpenStdin": False,
    "StdinOnce": False,
    "Tty": False,
}
_WHEN_SET = ("ArgsEscaped", "ExposedPorts", "Healthcheck", "Shell", "StopSignal")


def summary(image: ImageSummary, version: Version) -> Json:
    """Return an image as the list shows it to a client of this API version."""
    tags: list[str] | None = image.repo_tags
    digests: list[str] | None = image.repo_digests
    if version < versions.NAMELESS_IS_EMPTY:
        nameless = not tags and not digests
        tags = ["<none>:<none>"] if nameless else tags or None
        digests = ["<none>@<none>"] if nameless else digests or None
    found = {
        "Containers": -1 if version < versions.CONTAINERS_OF_IMAGES else image.containers,
        "Created": image.created,
        "Id": image.id,
        "Labels": _ordered(image.labels),
        "ParentId": image.parent,
        "RepoDigests": digests,
        "RepoTags": tags,
        "SharedSize": image.shared_size,
        "Size": image.size,
    }
    if version < versions.NO_VIRTUAL_SIZE and image.size:
        found["VirtualSize"] = image.size
    return found


def inspect(image: ImageDetails, version: Version) -> Json:
    """Return everything about an image as a client of this API version reads it."""
    found: Json = {
        "Id": image.id,
        "RepoTags": image.repo_tags,
        "RepoDigests": image.repo_digests,
        "Parent": image.parent,
        "Comment": image.comment,
    }
    if image.created or version < versions.UNKNOWN_TIME_IS_LEFT_OUT:
        found["Created"] = go_time(image.created) if image.created else NEVER
    if version < versions.NO_CONTAINER_CONFIG:
        if image.container:
            found["Container"] = image.container
        found["ContainerConfig"] = container_config(image.container_config, "")
        if image.container_config.labels is None:
            found["ContainerConfig"]["Labels"] = None
    found |= {"DockerVersion": image.docker_version, "Author": image.author, "Architecture": image.architecture}
    if image.variant:
        found["Variant"] = image.variant
    found["Os"] = image.os
    if image.os_version:
        found["OsVersion"] = image.os_version
    found["Size"] = image.size
    if version < versions.NO_VIRTUAL_SIZE and image.size:
        found["VirtualSize"] = image.size
    rootfs: Json = {"Type": image.rootfs_type} if image.rootfs_type else {}
    if image.diff_ids:
        rootfs["Layers"] = image.diff_ids
    return found | {
        "GraphDriver": {"Data": _ordered(image.graph or None), "Name": image.graph_driver},
        "RootFS": rootfs,
        "Metadata": {"LastTagTime": go_time(image.last_tag_time) if image.last_tag_time else NEVER},
        "Config": _config(image, version),
    }


def history(entry: HistoryEntry) -> Json:
    """Return one step of an image's making."""
    return {
        "Comment": entry.comment,
        "Created": entry.created,
        "CreatedBy": entry.created_by,
        "Id": entry.id,
        "Size": entry.size,
        "Tags": entry.tags,
    }


def removed(each: Removed) -> Json:
    """Return one thing that a removal did."""
    return {"Deleted": each.deleted} if each.deleted else {"Untagged": each.untagged}


def loaded(event: LoadEvent, *, quiet: bool) -> Json | None:
    """Return the line that tells of something that a load did; None: nothing is said of it."""
    from engine.images.load import ImageLoaded, LayerLoaded, NameMoved

    match event:
        case LayerLoaded(diff_id, size):
            return None if quiet else progress(diff_id.rpartition(":")[2][:12], "Loading layer", size, size)
        case NameMoved(name, from_id):
            text = f"The image {name} already exists, renaming the old one with ID {from_id} to empty string\n"
        case ImageLoaded(name):
            text = f"Loaded image: {name}\n"
        case _:
            text = "".join(f"Loaded image ID: {image_id}\n" for image_id in event.ids)
    return {"stream": text} if text else {}


def transferred(event: TransferEvent) -> Json | None:
    """Return the line that tells of something that a pull or a push did; None: nothing is said of it."""
    from engine.images.progress import ImagePulled, LayerProgress, Said

    match event:
        case Said(text, subject):
            return {"status": text} | ({"id": subject} if subject else {})
        case LayerProgress(subject, action, current, total):
            return progress(subject, action, current, total)
        case ImagePulled():
            return None
        case _:
            aux = {"Tag": event.tag, "Digest": event.digest, "Size": event.size}
            return {"progressDetail": {}, "aux": aux}


def distribution(found: Distribution) -> Json:
    """Return what a registry says of a name."""
    platforms = [
        {
            "architecture": each.architecture,
            "os": each.os,
            **({"os.version": each.os_version} if each.os_version else {}),
            **({"variant": each.variant} if each.variant else {}),
        }
        for each in found.platforms
    ]
    descriptor = {"mediaType": found.media_type, "digest": found.digest, "size": found.size}
    return {"Descriptor": descriptor, "Platforms": platforms or None}


def found(each: Found) -> Json:
    """Return one result of a search."""
    return {
        "star_count": each.stars,
        "is_official": each.official,
        "name": each.name,
        "is_automated": False,
        "description": each.description,
    }


def progress(subject: str, action: str, current: int, total: int) -> Json:
    """Return how far something is, in bytes; subject is the layer's short id, "" for none; total -1: not known."""
    found: Json = {"status": action, "progressDetail": {}}
    if current:
        found["progressDetail"]["current"] = current
    if total:
        found["progressDetail"]["total"] = total
    if text := progress_text(current, total):
        found["progress"] = text
    return found | ({"id": subject} if subject else {})


def progress_text(current: int, total: int) -> str:
    """Return a bar and figures as dockerd draws them, as if on a wide terminal."""
    if current <= 0 and total <= 0:
        return ""
    if total <= 0:
        return human_size(current).rjust(8)
    half = min(int(current / total * 100) // 2, 50)
    figures = human_size(current).rjust(8) + (f"/{human_size(total)}" if current <= total else "")
    return f"[{'=' * half}>{' ' * (50 - half)}] {figures}"


def human_size(size: float) -> str:
    """Return a number of bytes with four digits at most: 2.13MB."""
    units = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
    unit = 0
    while size >= 1000 and unit < len(units) - 1:
        size /= 1000
        unit += 1
    return f"{size:.4g}{units[unit]}"


def go_time(text: str) -> str:
    """Return an RFC 3339 time as Go writes it again: no zeros at the end of the fraction, UTC as Z."""
    if text.endswith(("+00:00", "-00:00")):
        text = text[:-6] + "Z"
    return _FRACTION.sub(lambda found: f".{found[1]}" if found[1] else "", text)


def _config(image: ImageDetails, version: Version) -> Json:
    """Return Config: a map, so that its keys are in their own order, and so on further inside."""
    full = container_config(image.config, "")
    found = dict(_ALWAYS) if version >= versions.EMPTY_IMAGE_FIELDS_LEFT_OUT else _ALWAYS | _BEFORE_1_50
    found |= {key: full[key] for key in (*_ALWAYS, *_WHEN_SET) if full.get(key)}
    if image.config.args_escaped:
        found["ArgsEscaped"] = True
    return {key: _ordered(found[key]) for key in sorted(found)}


def _ordered(value: Any) -> Any:
    return {key: _ordered(value[key]) for key in sorted(value)} if isinstance(value, dict) else value
