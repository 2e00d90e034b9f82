"""COPY and ADD: files from the context, a stage, an image, the Dockerfile itself, a web server or a git repository."""

from __future__ import annotations

import errno
import json
import os
import posixpath
import stat
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from engine.build import patterns, sums
from engine.build.chmod import change_of
from engine.build.configuring import Words
from engine.build.copying import Copier, Owner
from engine.build.dockerfile.instructions import Copy
from engine.build.errors import BuildFailed, BuildInvalid
from engine.build.git import cloned, is_git
from engine.build.linking import Names, link
from engine.build.remote import is_url
from engine.build.sources import Source
from engine.errors import EngineError
from engine.lean_dataclasses import dataclass, field
from engine.runtime import users

if TYPE_CHECKING:
    from engine.build.stage import StageRun

T = TypeVar("T")
NOT_FOUND = "file not found in build context or excluded by .dockerignore: "


@dataclass(slots=True)
class Piece:
    """Something that is copied: a path of a source, and its sum; keep_packed: an archive stays one."""

    source: Source
    path: str
    sum: str
    keep_packed: bool = False
    unpack: bool = False
    chosen: frozenset[str] | None = None  # with --parents: what below the path is copied, and the folders above that


@dataclass(slots=True)
class _Plan:
    pieces: list[Piece] = field(default_factory=list)
    destination: str = ""
    chown: str = ""
    chmod: str = ""
    excludes: list[str] = field(default_factory=list)


def copy(stage: StageRun, instruction: Copy, words: Words) -> None:
    """Do a COPY or an ADD. Raises BuildFailed, BuildInvalid, BuildCancelled, ExpansionError, OSError."""
    name = "ADD" if instruction.add else "COPY"
    with ExitStack() as stack:
        plan = _Plan(
            destination=words.one(instruction.destination),
            chown=words.one(instruction.chown),
            chmod=words.one(instruction.chmod),
            excludes=[words.one(each) for each in instruction.excludes],
        )
        try:
            _gather(stage, instruction, words, plan, stack)
        except BuildFailed as error:
            raise BuildFailed(f"{name} failed: {error.reason}") from None
        if not plan.pieces:
            raise BuildFailed(f"{name} failed: no source files were specified")
        if len(plan.pieces) > 1 and not plan.destination.endswith("/") and not instruction.parents:
            raise BuildFailed(
                f"When using {name} with more than one source file, the destination must be a directory "
                "and end with a /"
            )
        marked = stage.noted(f"{name} {_flags(instruction, plan)}{_sum(plan.pieces)} in {plan.destination} ")
        if stage.found(marked):
            return
        store, assembly = stage.builder.engine.store, stage.builder.assembly
        folder = assembly.folder()
        below = stage.image.layer if stage.image is not None else None
        try:
            with store.scratch(below, folder) as scratch:
                names = _perform(stage, instruction, plan, scratch.root)
            if names:
                link(plan.pieces[0].source, scratch.diff, names)
        except OSError as error:
            raise BuildFailed(f"failed to copy files: {_words('', error)}") from error
        staged = store.adopt(folder / "diff", folder / "split", epoch=assembly.epoch)
        stage.make(marked, staged=staged)


def _words(verb: str, error: OSError, path: str = "") -> str:
    cause = os.strerror(error.errno).lower() if error.errno else str(error)
    where = path or error.filename
    return f"{verb}{where}: {cause}" if where else cause


def _flags(instruction: Copy, plan: _Plan) -> str:
    """Return what of the flags changes the result, for the history."""
    found = [
        f"--chown={plan.chown}" if plan.chown else "",
        f"--chmod={plan.chmod}" if plan.chmod else "",
        "--link" if instruction.link else "",
        "--parents" if instruction.parents else "",
        *(f"--exclude={each}" for each in plan.excludes),
        "" if instruction.unpack is None else f"--unpack={str(instruction.unpack).lower()}",
    ]
    return "".join(f"{each} " for each in found if each)


def _sum(pieces: list[Piece]) -> str:
    return pieces[0].sum if len(pieces) == 1 else sums.of_all("multi", (each.sum for each in pieces))


def _gather(stage: StageRun, instruction: Copy, words: Words, plan: _Plan, stack: ExitStack) -> None:
    """Find what is to be copied, and sum it."""
    from engine.build import remote

    source: Source | None = None
    for text in instruction.sources:
        path = words.one(text)
        if is_url(path) or (instruction.add and is_git(path)):
            if not instruction.add:
                raise BuildFailed("source can't be a URL for COPY")
            if not stage.builder.request.bounds.fetch:
                raise BuildInvalid(f"fetching {path} is not allowed")
            plan.pieces.append(_fetched(stage, instruction, words, plan, path, stack))
            continue
        if instruction.checksum:
            raise BuildInvalid("checksum requires the source to be a URL or a git repository")
        if source is None:
            source = _source(stage, instruction, words)
        plan.pieces += _local(source, path, instruction, plan)
    if instruction.heredocs:
        folder = stage.builder.assembly.folder()
        made = stack.enter_context(remote.files_of(folder, _texts(instruction, words)))
        for heredoc in instruction.heredocs:
            plan.pieces.append(Piece(made, heredoc.name, made.sum_of(heredoc.name), keep_packed=True))


def _texts(instruction: Copy, words: Words) -> dict[str, str]:
    return {each.name: words.content(each.text) if each.expand else each.text for each in instruction.heredocs}


def _source(stage: StageRun, instruction: Copy, words: Words) -> Source:
    name = words.one(instruction.from_)
    if not name:
        return stage.builder.context()
    try:
        return stage.builder.source(name, stage)
    except EngineError as error:
        raise BuildInvalid(f"invalid from flag value {name}: {error}") from error


def _fetched(stage: StageRun, instruction: Copy, words: Words, plan: _Plan, url: str, stack: ExitStack) -> Piece:
    from engine.build import remote

    checksum = words.one(instruction.checksum)
    folder = stage.builder.assembly.folder()
    if is_git(url):
        clone = stack.enter_context(cloned(url, folder, keep_git=bool(instruction.keep_git_dir), checksum=checksum))
        return Piece(clone, "", clone.sum_of(""), keep_packed=True)
    try:
        fetched = stack.enter_context(remote.fetched(url, folder, stage.tell, checksum=checksum))
    except EngineError as error:
        raise BuildFailed(str(error)) from error
    name = fetched.name
    if not name:
        if plan.destination.endswith("/"):
            raise BuildFailed(f"cannot determine filename for source {url}")
        name = remote.UNNAMED
    unpack = bool(instruction.unpack)
    # The sum of a download has no word before it, as dockerd writes it.
    return Piece(fetched.source, name, fetched.source.sum(name), keep_packed=not unpack, unpack=unpack)


def _local(source: Source, path: str, instruction: Copy, plan: _Plan) -> list[Piece]:
    """Return what a path of a source, which may be a pattern, stands for."""
    if instruction.parents:
        return _below(source, path, plan)
    return [_piece(source, each, instruction) for each in _found(source, path)]


def _found(source: Source, path: str) -> list[str]:
    path = path.removeprefix("/").removeprefix("./")
    if path == ".":
        path = ""
    return _matching(source, path) if patterns.has_wildcards(path) else [path]


def _below(source: Source, path: str, plan: _Plan) -> list[Piece]:
    """Return what a path with --parents stands for: of the folder before /./, or of the root, what the rest matches.

    The folders above that come with it, as they are there. As in BuildKit the pattern is one of those of
    .dockerignore, and so are the ones of --exclude.
    """
    before, dot, after = path.partition("/./")
    pivot, pattern = (before, after) if dot else ("", path)
    pattern = posixpath.normpath(f"/{pattern}").lstrip("/")
    try:
        wanted, unwanted = patterns.Matcher([pattern]), patterns.Matcher(plan.excludes)
    except patterns.SyntaxProblem as error:
        raise BuildFailed(f"failed to match {json.dumps(path)}: {error}") from None
    pieces = []
    for folder in _found(source, pivot):
        top = _asked(source, folder, source.resolved)
        chosen: set[str] = set()
        found: list[str] = []
        for each, _, is_link in source.walk(top):
            below = each.removeprefix(f"{top}/") if top else each
            if wanted.matches(below) and not unwanted.matches(below):
                found.append(source.sum(each) if is_link else source.sum_at(each))
                while below and below not in chosen:
                    chosen.add(below)
                    below = posixpath.dirname(below)
        if not patterns.has_wildcards(f"{pivot}/{pattern}"):
            _asked(source, posixpath.join(folder, pattern), source.status)
        pieces.append(Piece(source, folder, sums.of_all("dir", sorted(found)), chosen=frozenset(chosen)))
    return pieces


def _is_folder(source: Source, path: str) -> bool:
    return stat.S_ISDIR(source.status(path).st_mode)


def _piece(source: Source, path: str, instruction: Copy) -> Piece:
    found = _asked(source, path, source.sum_of)
    unpack = instruction.add if instruction.unpack is None else instruction.unpack
    return Piece(source, path, found, keep_packed=not unpack, unpack=bool(instruction.unpack))


def _asked(source: Source, path: str, question: Callable[[str], T]) -> T:
    """Return what is asked about a path. Raises BuildFailed, in dockerd's words, where there is nothing."""
    try:
        return question(path)
    except FileNotFoundError:
        text = f"stat {path}: file does not exist"
        raise BuildFailed(text if source.identity else NOT_FOUND + text) from None
    except OSError as error:
        raise BuildFailed(f"stat {path}: {os.strerror(error.errno or 0).lower()}") from None


def _matching(source: Source, pattern: str) -> list[str]:
    """Return the paths that a pattern matches, in Go's order of a walk."""
    pattern = pattern.rstrip("/") if pattern.endswith("/") else pattern
    try:
        fits = patterns.go_pattern(pattern)
    except patterns.SyntaxProblem:
        return []
    return [path for path, _, _ in source.walk("", pattern.count("/")) if fits(path)]


def _perform(stage: StageRun, instruction: Copy, plan: _Plan, root: int) -> list[Names]:
    """Copy everything into the open tree of the layer; returns what is to be linked there when it is closed."""
    keeps_owner = bool(instruction.from_) and not plan.chown
    owner = None if keeps_owner else _owner(root, plan.chown) if plan.chown else (0, 0)
    destination = plan.destination
    if not destination.startswith("/"):
        folder = posixpath.normpath(posixpath.join("/", stage.config.working_dir, destination))
        destination = folder + ("/" if destination.endswith("/") and folder != "/" else "")
    alone = plan.pieces[0].source.linkable and len(plan.pieces) == 1  # of several, one could overwrite another
    copier = Copier(
        root,
        owner=owner,
        change_mode=change_of(plan.chmod) if plan.chmod else None,
        epoch=stage.builder.assembly.epoch,
        links=not plan.pieces[0].source.linkable,
        names=[] if alone else None,
    )
    for piece in plan.pieces:
        stage.builder.cancellation.check()
        _put(copier, piece, destination, plan)
    return copier.names or []


def _put(copier: Copier, piece: Piece, destination: str, plan: _Plan) -> None:
    is_folder = _is_folder(piece.source, piece.path)
    try:
        place = copier.resolved(destination)
    except OSError as error:
        verb = "failed to copy directory: mkdir " if is_folder else "lstat "
        raise BuildFailed(f"failed to copy files: {_words(verb, error, destination)}") from None
    if is_folder:
        copier.skip = _left_out(piece, plan)
        fd = piece.source.open(piece.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            copier.folder(fd, place, piece.source.resolved(piece.path))
        except OSError as error:
            raise BuildFailed(f"failed to copy files: failed to copy directory: {_words('mkdir ', error)}") from error
        finally:
            os.close(fd)
            copier.skip = None
        return
    fd = piece.source.open(piece.path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not piece.keep_packed and _unpacked(fd, copier, place):
            return
        if destination.endswith("/") or copier.exists_as_folder(place):
            place = posixpath.join(place, posixpath.basename(piece.path))
        copier.file(fd, place, piece.source.resolved(piece.path))
    finally:
        os.close(fd)


def _left_out(piece: Piece, plan: _Plan) -> Callable[[str], bool] | None:
    """Return what tells, by a path below the piece's, what is not copied; a file is never left out by itself."""
    if piece.chosen is not None:
        chosen = piece.chosen
        return lambda path: path not in chosen
    return patterns.Matcher(plan.excludes).matches if plan.excludes else None


def _unpacked(fd: int, copier: Copier, target: str) -> bool:
    """Unpack a local archive into a folder; returns whether it is one."""
    from engine.errors import BadArchive
    from engine.storage.compression import unpacked
    from engine.storage.source import Source as Buffered
    from engine.storage.tarformat import TarReader
    from engine.storage.unpack import UnpackFailed, unpack

    if not stat.S_ISREG(os.fstat(fd).st_mode):
        return False
    try:
        with open(fd, "rb", closefd=False) as file:
            # A file of zeros has no member, and none is no archive.
            if next(iter(TarReader(Buffered(unpacked(Buffered(file))), lambda _: None)), None) is None:
                return False
    except (BadArchive, EngineError):
        return False
    os.lseek(fd, 0, os.SEEK_SET)
    Copier(copier.root).make_folders(target)
    folder = copier.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with open(fd, "rb", closefd=False) as file:
            unpack(unpacked(Buffered(file)), folder, target)
    except (BadArchive, UnpackFailed) as error:
        raise BuildFailed(f"failed to copy files: Error processing tar file(exit status 1): {error}") from None
    finally:
        os.close(folder)
    return True


def _owner(root: int, chown: str) -> Owner:
    """Return the ids that --chown names. Raises BuildFailed in dockerd's words."""
    prefix = "unable to convert uid/gid chown string to host mapping: "
    parts = chown.split(":")
    if len(parts) > 2:
        raise BuildFailed(f"{prefix}invalid chown string format: {chown}")
    user, group = parts[0], parts[-1]
    passwd, groups = users.read_inside(root, users.PASSWD), users.read_inside(root, users.GROUP)
    uid = _number(user)
    if uid is None:
        uid = _in_file(user, passwd)
        if uid is None:
            raise BuildFailed(f"{prefix}can't find uid for user {user}: no such user: {user}")
    gid = _number(group)
    if gid is None:
        gid = _in_file(group, groups)
        if gid is None:
            raise BuildFailed(f"{prefix}can't find gid for group {group}: no such group: {group}")
    if not (0 <= uid < 1 << 32 and 0 <= gid < 1 << 32):
        raise BuildFailed(f"{prefix}{json.dumps(chown)}: {os.strerror(errno.EINVAL).lower()}")
    return uid, gid


def _number(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("-", "+") else text
    return int(text) if digits.isascii() and digits.isdigit() else None


def _in_file(name: str, text: str) -> int | None:
    """Return the number in the third field of a line that begins with a name."""
    for line in text.split("\n"):
        fields = line.strip().split(":")
        if len(fields) > 2 and fields[0] == name:
            return _number(fields[2])
    return None
