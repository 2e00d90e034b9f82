"""The lines of the streams that tell of progress. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat_api.errors import short
from engine.images.load import ImageLoaded, ImagesLoaded, LayerLoaded, NameMoved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.images.load import LoadEvent

Json = dict[str, Any]
_BAR = 50  # characters between the brackets of a progress bar
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB")


def loaded(event: LoadEvent, *, quiet: bool) -> Iterator[Json]:
    """Return the lines that tell of one step of a load; quiet leaves out those about layers."""
    match event:
        case LayerLoaded(diff_id, size):
            if not quiet:
                yield progress(short(diff_id), "Loading layer", size, size)
        case NameMoved(name, from_id):
            words = f"The image {name} already exists, renaming the old one with ID {from_id} to empty string\n"
            yield {"stream": words}
        case ImageLoaded(name):
            yield {"stream": f"Loaded image: {name}\n"}
        case ImagesLoaded(ids):
            for each in ids:
                yield {"stream": f"Loaded image ID: {each}\n"}


def progress(name: str, status: str, current: int, total: int) -> Json:
    """Return a line that says how much of something is done, with the bar that clients show as it is."""
    done = min(_BAR, _BAR * current // total) if total else _BAR
    bar = ("=" * done + ">").ljust(_BAR + 1)
    return {
        "status": status,
        "progressDetail": {"current": current, "total": total},
        "progress": f"[{bar}] {human_size(current):>8}/{human_size(total)}",
        "id": name,
    }


def human_size(size: float) -> str:
    """Return a size with four significant digits and decimal units, as dockerd writes it: 10.24kB."""
    for unit in _UNITS:
        if size < 1000:
            return f"{size:.4g}{unit}"
        size /= 1000
    return f"{size:.4g}YB"
