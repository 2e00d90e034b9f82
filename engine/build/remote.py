"""Sources that are fetched: files of web servers, git repositories, and texts of the Dockerfile itself.

Everything lands in a folder of the build. git is the machine's, run without its user's configuration and with no
protocol that reads the machine's own files.
"""

from __future__ import annotations

import email.message
import email.utils
import hashlib
import json
import logging
import os
import posixpath
import re
import shlex
import shutil
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine import syscalls
from engine.build.errors import BuildFailed, BuildInvalid
from engine.build.events import BuildEvent, Output, Progress
from engine.build.sources import Tree
from engine.errors import Unavailable
from engine.lean_dataclasses import dataclass

UNNAMED = "__unnamed__"
PROGRESS_SECONDS = 0.1
_PIECE = 256 * 1024
_GIT_PATH = re.compile(r"\.git(?:#.+)?$")
_GIT_PREFIXES = ("git://", "github.com/", "git@")
_ARCHIVE_TYPES = re.compile(r"application/(?:(?:x-)?tar|octet-stream|(?:x-)?(?:gzip|bzip2?|xz))")

log = logging.getLogger(__name__)
Tell = Callable[[Output], None]


class GitMissing(Unavailable):
    """git is not installed."""

    def __init__(self) -> None:
        super().__init__("cannot find git: install it")


def is_url(text: str) -> bool:
    """Whether a text is the address of a file on a web server."""
    return text.startswith(("http://", "https://")) and not _GIT_PATH.search(text)


def is_git(text: str) -> bool:
    """Whether a text is the address of a git repository."""
    return (text.startswith(("http://", "https://")) and bool(_GIT_PATH.search(text))) or text.startswith(_GIT_PREFIXES)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched; name is "" where neither the address nor the server has one."""

    source: Tree
    name: str
    media_type: str = ""


@contextmanager
def files_of(folder: Path, texts: Mapping[str, str]) -> Iterator[Tree]:
    """Give a source that has these texts as files."""
    folder.mkdir(mode=0o755)
    for name, text in texts.items():
        path = folder / posixpath.basename(name)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        path.chmod(0o644)
        os.utime(path, (0, 0))
    with opened(folder) as source:
        yield source


@contextmanager
def opened(folder: Path, identity: str = "") -> Iterator[Tree]:
    """Give a folder as a source."""
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Tree(root, identity)
    finally:
        os.close(root)


@contextmanager
def fetched(
    url: str,
    folder: Path,
    tell: Callable[[BuildEvent], None],
    *,
    checksum: str = "",
    action: str = "Downloading",
    identity: str = "",
) -> Iterator[Fetched]:
    """Fetch a file into a new folder. Raises InvalidUrl, DownloadFailed and its kinds, BuildFailed, BuildInvalid."""
    from engine.images.download import open_url

    algorithm, expected = _digest(checksum) if checksum else ("", "")
    folder.mkdir(mode=0o755)
    download = open_url(url)
    try:
        name = _name(url, download.headers.get("Content-Disposition", ""))
        path = folder / (name or UNNAMED)
        digest = hashlib.new(algorithm or "sha256")
        told = 0.0
        with open(path, "xb") as file:
            os.fchmod(file.fileno(), 0o600)
            while data := download.read(_PIECE):
                file.write(data)
                digest.update(data)
                if time.monotonic() - told >= PROGRESS_SECONDS or download.position == download.length:
                    told = time.monotonic()
                    tell(Progress(identity, action, download.position, download.length))
        if expected and digest.hexdigest() != expected:
            raise BuildFailed(f"digest mismatch {algorithm}:{digest.hexdigest()}: {checksum}")
        modified = _modified(download.headers.get("Last-Modified", ""))
        os.utime(path, (modified, modified))
    finally:
        download.close()
    if not identity:
        tell(Output("\n"))  # as dockerd does after what it adds
    with opened(folder) as source:
        yield Fetched(source, name, download.headers.get("Content-Type", ""))


def _digest(text: str) -> tuple[str, str]:
    algorithm, colon, digest = text.partition(":")
    if not colon or algorithm not in ("sha256", "sha384", "sha512"):
        raise BuildInvalid(f"invalid checksum digest format: {json.dumps(text)}")
    if len(digest) != 2 * hashlib.new(algorithm).digest_size or digest.strip("0123456789abcdef"):
        raise BuildInvalid(f"invalid checksum digest length: {json.dumps(text)}")
    return algorithm, digest


def _name(url: str, disposition: str) -> str:
    path = urllib.parse.unquote(urllib.parse.urlsplit(url).path)
    if path and not path.endswith("/"):
        return _safe(posixpath.basename(path))
    if disposition:
        message = email.message.Message()
        message["Content-Disposition"] = disposition
        found = message.get_filename() or ""
        if found and not found.endswith("/"):
            return _safe(posixpath.basename(found))
    return ""


def _safe(name: str) -> str:
    return "" if name in (".", "..") or "\0" in name else name


def _modified(text: str) -> float:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() if text else 0.0
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class GitAddress:
    """A repository, what of it is wanted, and the folder in it that is the source."""

    remote: str
    reference: str
    folder: str


def git_address(text: str) -> GitAddress:
    """Return what an address such as https://host/repo.git#branch:folder means. Raises BuildInvalid."""
    if not text.startswith(("git@", "git://", "http://", "https://", "ssh://")):
        text = f"https://{text}"
    remote, _, fragment = text.partition("#")
    reference, _, folder = fragment.partition(":")
    if reference.startswith("-"):
        raise BuildInvalid(f"invalid refspec: {reference}")
    return GitAddress(remote, reference, folder)


@contextmanager
def cloned(text: str, folder: Path, *, keep_git: bool = False, checksum: str = "") -> Iterator[Tree]:
    """Give a git repository as a source, fetched into a new folder. Raises BuildFailed, BuildInvalid, GitMissing."""
    address = git_address(text)
    folder.mkdir(mode=0o755)
    repository = folder / "git"
    repository.mkdir()
    for number, step in enumerate(_git_steps(address)):
        done = _git(repository, *step)
        if done.returncode and number == 2 and "--depth" in step:
            # A server that has no part of a history to give.
            done = _git(repository, *(each for each in step if each not in ("--depth", "1")))
        if done.returncode:
            raise BuildFailed(f"error fetching: {done.stdout.strip()}: exit status {done.returncode}")
    head = _git(repository, "rev-parse", "HEAD").stdout.strip()
    if checksum and not (len(checksum) >= 7 and head.startswith(checksum.lower())):
        raise BuildFailed(f"expected checksum to match {checksum}, got {head}")
    done = _git(repository, "submodule", "update", "--init", "--recursive", "--depth=1")
    if done.returncode:
        raise BuildFailed(f"error initializing submodules: {done.stdout.strip()}: exit status {done.returncode}")
    if not keep_git:
        shutil.rmtree(repository / ".git", ignore_errors=True)
    top = os.open(repository, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        root = syscalls.openat2(top, address.folder or ".", os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        text = f'error setting git context, "{address.folder}" not within git root: {error.strerror}'
        raise BuildFailed(text) from None
    finally:
        os.close(top)
    try:
        yield Tree(root)
    finally:
        os.close(root)


def _git_steps(address: GitAddress) -> list[list[str]]:
    fetch = ["fetch", "--depth", "1", "origin", "--", address.reference or "HEAD"]
    return [["init", "--quiet"], ["remote", "add", "origin", address.remote], fetch, ["checkout", "-q", "FETCH_HEAD"]]


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-c", "protocol.file.allow=never", "-c", "advice.detachedHead=false", *arguments]
    log.debug("Run %s", shlex.join(command))
    environment = {
        **os.environ,
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
    }
    try:
        return subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise GitMissing from None


class Once:
    """Something that is fetched when it is first wanted, by whichever thread that is."""

    def __init__(self, make: Callable[[], Tree]) -> None:
        self._make = make
        self._mutex = threading.Lock()
        self._made: Tree | None = None

    def get(self) -> Tree:
        """Return it."""
        with self._mutex:
            if self._made is None:
                self._made = self._make()
            return self._made


def is_text(path: Path, media_type: str, url: str) -> bool:
    """Whether what a web server gave for a context is a Dockerfile, and no archive. Raises BuildFailed for neither."""
    with open(path, "rb") as file:
        start = file.read(512)
    if not start:
        raise BuildFailed(f"error detecting content type for remote {url}: empty response")
    kind = media_type.partition(";")[0].strip().lower()
    if kind in ("", "application/octet-stream"):
        kind = "application/octet-stream" if b"\0" in start or not _readable(start) else "text/plain"
    if kind.startswith("text/plain"):
        return True
    if _ARCHIVE_TYPES.search(kind):
        return False
    raise BuildFailed(f'error detecting content type for remote {url}: unsupported Content-Type "{media_type}"')


def _readable(start: bytes) -> bool:
    return not any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in start)
