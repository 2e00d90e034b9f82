"""How many bytes there are in a volume."""

from __future__ import annotations

import os
import stat


def folder_size(path: os.PathLike[str] | str) -> int:
    """Return the bytes of all files below a folder, those with several names once."""
    total, seen = 0, set()
    for folder, folders, names in os.walk(path):
        for name in (*names, *folders):  # among which are links to folders
            try:
                found = os.lstat(os.path.join(folder, name))
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(found.st_mode) and (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_size
    return total
