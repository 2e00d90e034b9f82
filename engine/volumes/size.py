"""How many bytes there are in a volume."""

from __future__ import annotations

import os


def folder_size(path: os.PathLike[str] | str) -> int:
    """Return the bytes of all files below a folder, those with several names once."""
    total, seen = 0, set()
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                found = os.lstat(os.path.join(folder, name))
            except FileNotFoundError:
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_size
    return total
