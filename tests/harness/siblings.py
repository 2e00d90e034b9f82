"""podman, buildah and skopeo over a store of ours: this machine's, or those in the root that SKIFF_PEERS' script has.

Both see the same files. With SKIFF_PEERS the folder lies in the peers' root, where the tools know it by a shorter path.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# They ask for more open files than every machine grants.
LIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
ALONE = ["--network", "none", *LIMITS]
SECONDS = 120.0


class Siblings:
    """The tools, over the graph root and the run root of a store in a folder."""

    def __init__(self, home: Path, graph: Path, run: Path, peers: str = "", root: Path = Path("/")) -> None:
        self.home = home
        self._peers = [peers, "exec"] if peers else []
        self._root = root
        self._graph, self._run = self.path(graph), self.path(run)

    def path(self, path: Path) -> str:
        """Return how the tools call a file below home."""
        return f"/{path.relative_to(self._root)}"

    def try_podman(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """Run podman whatever comes of it."""
        more = ["--tmpdir", f"{self._run}-podman", "--cgroup-manager", "cgroupfs", "--events-backend", "none"]
        return self._do("podman", *self._store(), *more, *words)

    def podman(self, *words: str) -> bytes:
        """Run podman; returns what it prints."""
        return _good(self.try_podman(*words))

    def buildah(self, *words: str) -> bytes:
        """Run buildah; returns what it prints."""
        return _good(self._do("buildah", *self._store(), *words))

    def skopeo(self, *words: str) -> bytes:
        """Run skopeo; returns what it prints."""
        return _good(self._do("skopeo", *words))

    def stored(self, name: str) -> str:
        """Return what skopeo calls an image in the store."""
        return f"containers-storage:[overlay@{self._graph}+{self._run}]{name}"

    def _store(self) -> list[str]:
        return ["--root", self._graph, "--runroot", self._run, "--storage-driver", "overlay"]

    def _do(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*self._peers, *command], capture_output=True, timeout=SECONDS)


def _good(done: subprocess.CompletedProcess[bytes]) -> bytes:
    assert done.returncode == 0, f"{' '.join(map(str, done.args))}: {done.stderr.decode()}"
    return done.stdout


@contextmanager
def shared_folder() -> Iterator[tuple[Path, str, Path]]:
    """Give a folder with a short name, as podman takes no longer one; the peers' script, or ""; and the tools' root."""
    peers = os.environ.get("SKIFF_PEERS", "")
    root = Path("/")
    if peers:
        asked = subprocess.run([peers, "root"], check=True, stdout=subprocess.PIPE, text=True)
        root = Path(asked.stdout.strip())
    home = Path(tempfile.mkdtemp(prefix="skiff-", dir=root / "tmp"))
    try:
        yield home, peers, root
    finally:
        shutil.rmtree(home)
