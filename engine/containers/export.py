"""A container's whole file system as a tar archive, running or not, without what is mounted in it.

The layers are read as they lie (engine.storage.merged): nothing is mounted, no lock is held while the client takes
its time, and a link that the container puts in the way leads nowhere. What vanishes while it is read is left out; a
file that changes its size keeps the one that it had.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.containers import rows
from engine.containers.changes import CAPABILITY
from engine.containers.record import DEAD, REMOVING
from engine.errors import Conflict, NoSuchContainer
from engine.gathering import PIECE, gathered
from engine.storage import tarformat
from engine.storage.merged import Merged, Node, Place
from engine.storage.tarformat import Entry
from engine.storage.tarwriter import END, KINDS, header, padding

if TYPE_CHECKING:
    from engine import Engine

REVISION = 3  # the byte of a capability that holds the revision, and the length that revision 2 has
REVISION_2_SIZE = 20

log = logging.getLogger(__name__)


class ExportOfRemoved(Conflict):
    """The container is being removed, or could not be."""

    def __init__(self, container_id: str, status: str) -> None:
        super().__init__(f"container {container_id} is {status} and cannot be exported")
        self.container_id = container_id
        self.status = status


def export(engine: Engine, name: str) -> Iterator[bytes]:
    """Give the archive in pieces. Raises NoSuchContainer and ExportOfRemoved, before the first piece."""
    container = rows.find(engine.database, name)
    if container.state.status in (DEAD, REMOVING):
        raise ExportOfRemoved(container.id, container.state.status)
    try:
        view = Merged(engine.store.folders(container.id))
    except FileNotFoundError:
        raise NoSuchContainer(name) from None
    return _whole(engine, container.id, view)


def _whole(engine: Engine, container_id: str, view: Merged) -> Iterator[bytes]:
    with view:
        yield from gathered(archive(view))
    try:
        container = rows.get(engine.database, container_id)
    except NoSuchContainer:
        return
    with engine.database.telling() as tx:
        rows.event(tx, container, "export")


def archive(view: Merged) -> Iterator[bytes]:
    """Give the archive of a tree: each folder before what is in it, by name."""
    linked: dict[tuple[int, int], str] = {}  # the first name of each file that has several
    pending: list[tuple[str, Iterator[Node]]] = [("", iter(view.nodes(view.root())))]
    while pending:
        path, nodes = pending[-1]
        node = next(nodes, None)
        if node is None:
            pending.pop()
            continue
        name = f"{path}{node.name}"
        try:
            yield from _entry(view, node, name, linked)
            if node.is_folder:
                pending.append((f"{name}/", iter(view.nodes(node.places))))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO):
                raise
            log.debug("Export leaves out %s: %s", name, error)
    yield END


def _entry(view: Merged, node: Node, name: str, linked: dict[tuple[int, int], str]) -> Iterator[bytes]:
    """Give one member; raises OSError before its first piece when it has gone, and then nothing was given."""
    status = node.status
    kind = KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return  # a socket, which archives cannot hold
    entry = Entry(
        name=name + "/" if node.is_folder else name,
        type=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=0,
        mtime=status.st_mtime_ns,
    )
    if kind == tarformat.SYMBOLIC_LINK:
        entry.link = view.link_target(node.place)
    elif kind in (tarformat.CHARACTER_DEVICE, tarformat.BLOCK_DEVICE):
        entry.device = status.st_rdev
    if (capability := view.attribute(node.place, CAPABILITY)) is not None:
        entry.xattrs[CAPABILITY] = without_namespace(capability)
    identity = (status.st_dev, status.st_ino)
    if status.st_nlink > 1 and not node.is_folder and identity in linked:
        entry.type, entry.link = tarformat.HARD_LINK, linked[identity]
        yield header(entry)
        return
    if kind != tarformat.REGULAR:
        yield header(entry)
    else:
        yield from _file(view, node.place, entry)
    if status.st_nlink > 1 and not node.is_folder:
        linked[identity] = name


def _file(view: Merged, place: Place, entry: Entry) -> Iterator[bytes]:
    fd = view.open(place, os.O_RDONLY | os.O_NONBLOCK)  # something else may stand there by now, such as a FIFO
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "no regular file any more", entry.name)
        entry.size = left = status.st_size
        yield header(entry)
        while left and (piece := os.read(fd, min(left, PIECE))):
            left -= len(piece)
            yield piece
    finally:
        os.close(fd)
    while left:  # it was cut short meanwhile, but its header is out
        piece = bytes(min(left, PIECE))
        left -= len(piece)
        yield piece
    yield padding(entry.size)


def without_namespace(capability: bytes) -> bytes:
    """Return a file's capabilities without the root user of a user namespace, which means nothing elsewhere."""
    if len(capability) > REVISION and capability[REVISION] == 3:
        return (capability[:REVISION] + b"\x02" + capability[REVISION + 1 :])[:REVISION_2_SIZE]
    return capability
