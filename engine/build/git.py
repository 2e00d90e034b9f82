"""Git repositories as sources of builds.

git is the machine's, run without its user's configuration and with no protocol that reads the machine's own files.
What a repository is fetched with, and what is said when that fails, are dockerd's.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import syscalls
from engine.build.errors import BuildFailed
from engine.build.sources import Tree
from engine.errors import Unavailable
from engine.lean_dataclasses import dataclass

_PATH = re.compile(r"\.git(?:#.+)?$")
_PREFIXES = ("git://", "github.com/", "git@")
_WHOLE_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORTEST_SUM = 7

log = logging.getLogger(__name__)


class GitMissing(Unavailable):
    """git is not installed."""

    def __init__(self) -> None:
        super().__init__("cannot find git: install it")


def is_git(text: str) -> bool:
    """Whether a text is the address of a git repository."""
    return (text.startswith(("http://", "https://")) and bool(_PATH.search(text))) or text.startswith(_PREFIXES)


@dataclass(frozen=True, slots=True)
class GitAddress:
    """A repository, what of it is wanted ("": nothing is said), and the folder in it that is the source."""

    remote: str
    reference: str
    folder: str


def git_address(text: str) -> GitAddress:
    """Return what an address such as https://host/repo.git#branch:folder means. Raises BuildFailed."""
    if not text.startswith(("git@", "git://", "http://", "https://", "ssh://")):
        text = f"https://{text}"
    remote, _, fragment = text.partition("#")
    reference, _, folder = fragment.partition(":")
    if reference.startswith("-"):
        raise BuildFailed(f"invalid refspec: {reference}")
    return GitAddress(remote, reference, folder)


@contextmanager
def cloned(
    text: str, folder: Path, *, default: str = "HEAD", keep_git: bool = False, checksum: str = ""
) -> Iterator[Tree]:
    """Give a git repository as a source, fetched into a new folder.

    default: what is fetched where the address names nothing. Raises BuildFailed, GitMissing.
    """
    address = git_address(text)
    wanted = address.reference or (checksum if _WHOLE_ID.fullmatch(checksum) else default)
    folder.mkdir(mode=0o755)
    repository = folder / "git"
    repository.mkdir()
    _run(repository, "failed to init repo at git", "init", "--quiet")
    _run(repository, f"failed add origin repo at {address.remote}", "remote", "add", "origin", address.remote)
    fetch = ("origin", "--", wanted)
    if _git(repository, "fetch", "--depth", "1", *fetch).returncode:
        # Once more, for a server that has no part of a history to give; and for the words of one that has nothing.
        _run(repository, "error fetching", "fetch", *fetch)
    if _git(repository, "checkout", wanted).returncode:
        _run(repository, f"error checking out {wanted}", "checkout", "FETCH_HEAD")
    if checksum:
        head = _git(repository, "rev-parse", "HEAD").stdout.strip()
        if len(checksum) < _SHORTEST_SUM or not head.startswith(checksum.lower()):
            raise BuildFailed(f"expected checksum to match {checksum}, got {head}")
    _run(repository, "error initializing submodules", "submodule", "update", "--init", "--recursive", "--depth=1")
    if not keep_git:
        shutil.rmtree(repository / ".git")
    root = _opened(repository, address.folder)
    try:
        yield Tree(root)
    finally:
        os.close(root)


def _opened(repository: Path, folder: str) -> int:
    where = Path(os.path.normpath(f"{repository}/{folder}"))
    if not where.is_relative_to(repository):
        text = f"evalSymlinksInScope: {where} is not in {repository}"
        raise BuildFailed(f'error setting git context, "{folder}" not within git root: {text}')
    top = os.open(repository, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return syscalls.openat2(top, folder or ".", os.O_RDONLY | os.O_DIRECTORY)
    except NotADirectoryError:
        raise BuildFailed(f"error setting git context, not a directory: {where}") from None
    except OSError as error:
        raise BuildFailed(f"stat {where}: {os.strerror(error.errno or 0).lower()}") from None
    finally:
        os.close(top)


def _run(repository: Path, failure: str, *arguments: str) -> None:
    """Do a step. Raises BuildFailed in dockerd's words, which begin with failure, and GitMissing."""
    done = _git(repository, *arguments)
    if done.returncode:
        raise BuildFailed(f"{failure}: {done.stdout}: exit status {done.returncode}")


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-c", "protocol.file.allow=never", *arguments]
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
            command, cwd=repository, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise GitMissing from None
