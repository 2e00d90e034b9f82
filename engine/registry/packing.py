"""The process that puts a layer's archive together and packs it for a registry: engine.registry.outgoing starts it.

A process, since a thread that reads many small files lets go of the interpreter at each, and several of them spend
most of their time in taking it from one another. Standard output: for each piece its length and how much of the
archive is read by then (FRAME), then its bytes; a length of 0 is the end. What fails is told on standard error, a JSON
array of an OSError's number, words and file, or of BadArchive's words alone, and by the exit code FAILED. Starts
quickly: it imports no more than it needs.

The packing is deterministic: the same archive gives the same bytes each time, hence the same digest in every registry.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import BadArchive
from engine.gathering import gathered
from engine.storage.tarsplit import assemble

FRAME = struct.Struct("<IQ")
FAILED = 3
PLAIN = "plain"  # an argument: not packed
ISAL_LEVEL = 2
ZLIB_LEVEL = 1  # isal's size in three times its time; dockerd's own level takes four times as long again
_PIPE_BYTES = 1 << 20  # the most that the kernel gives to everybody


def main() -> int:
    """Write the archive of the tar-split file and the folder that the arguments name; returns the exit code."""
    split, diff, *rest = sys.argv[1:]
    with contextlib.suppress(OSError):  # then it is as large as it is
        fcntl.fcntl(sys.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    try:
        for read, piece in _pieces(Path(split), Path(diff), None if PLAIN in rest else _packer()):
            sys.stdout.buffer.write(FRAME.pack(len(piece), read))
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.write(FRAME.pack(0, 0))
        sys.stdout.flush()
    except BrokenPipeError:
        return 1  # nobody wants more
    except BadArchive as error:
        print(json.dumps([str(error)]), file=sys.stderr)
        return FAILED
    except OSError as error:
        print(json.dumps([error.errno, error.strerror, error.filename]), file=sys.stderr)
        return FAILED
    return 0


def _pieces(split: Path, diff: Path, packer: Any) -> Iterator[tuple[int, bytes]]:
    read = 0
    for data in gathered(assemble(split, diff)):
        read += len(data)
        piece = data if packer is None else packer.compress(data)
        if piece:
            yield read, piece
    if packer is not None:
        yield read, packer.flush()


def _packer() -> Any:
    """Return what packs as gzip: isal where it is there, which is several times as fast, else zlib."""
    try:
        isal = importlib.import_module("isal.isal_zlib")
    except ImportError:
        return zlib.compressobj(ZLIB_LEVEL, zlib.DEFLATED, 31)
    return isal.compressobj(ISAL_LEVEL, isal.DEFLATED, 31)


if __name__ == "__main__":
    sys.exit(main())
