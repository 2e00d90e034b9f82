"""What builds tell, as Docker's JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from compat_api.shapes import images
from compat_api.shapes.times import rfc3339_nano
from engine.build.events import BuildEvent, ImageMade, Nothing, Output, Progress, PullEvent

if TYPE_CHECKING:
    from engine.build.records import CacheRecord

STEP = "Step "
RED, PLAIN = "\x1b[91m", "\x1b[0m"


def line(event: BuildEvent, *, aux: bool) -> Iterator[dict[str, Any]]:
    """Give the lines that tell of an event; the text of a step and its line's end are two, as dockerd writes them."""
    match event:
        case Output(text, stderr):
            if stderr:
                yield {"stream": f"{RED}{text}{PLAIN}"}
            elif text.startswith(STEP) and text.endswith("\n"):
                yield {"stream": text[:-1]}
                yield {"stream": "\n"}
            else:
                yield {"stream": text}
        case ImageMade(image_id):
            if aux:
                yield {"aux": {"ID": image_id}}
        case Progress(identity, action, current, total):
            yield images.progress(identity, action, current, total)
        case Nothing():
            yield {}
        case PullEvent(told):
            shown = images.transferred(told)  # type: ignore[arg-type]  # engine.images.pull's own event
            if shown is not None:
                yield shown
        case _:
            return


def cache_record(record: CacheRecord) -> dict[str, Any]:
    """Return what GET /system/df shows of a thing in the build cache."""
    found: dict[str, Any] = {"ID": record.id}
    if record.parents:
        found["Parents"] = record.parents
    return found | {
        "Type": record.type,
        "Description": record.description,
        "InUse": record.in_use,
        "Shared": record.shared,
        "Size": record.size,
        "CreatedAt": rfc3339_nano(record.created),
        "LastUsedAt": rfc3339_nano(record.used) if record.used else None,
        "UsageCount": record.uses,
    }
