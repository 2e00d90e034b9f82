"""What builds fetch, served on loopback: files by HTTP, and one git repository by its own protocol, at fixed ports.

The ports are fixed because the addresses stand in Dockerfiles whose answers were recorded. The commits have fixed dates
and authors, so their ids are always the same.
"""

from __future__ import annotations

import http.server
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

WEB = "127.0.0.1:5893"
GIT = "127.0.0.1:5894"
PATIENCE = 10


class Page(NamedTuple):
    """What is answered to a GET."""

    body: bytes
    headers: Mapping[str, str] = {}


class Commit(NamedTuple):
    """One commit: its files, and what points to it."""

    files: Mapping[str, str]
    branch: str = "main"
    tag: str = ""


@contextmanager
def web(pages: Mapping[str, Page]) -> Iterator[None]:
    """Serve pages, by path, at WEB."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(404 if page is None else 200)
            for name, value in (page.headers if page is not None else {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page.body) if page is not None else 0))
            self.end_headers()
            if page is not None and self.command == "GET":
                self.wfile.write(page.body)

        do_HEAD = do_GET

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Say nothing."""

        log_error = log_request

    host, _, port = WEB.partition(":")
    with http.server.ThreadingHTTPServer((host, int(port)), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def git(commits: list[Commit]) -> Iterator[list[str]]:
    """Serve git://GIT/repo.git with these commits, each on the one before; gives their ids."""
    host, _, port = GIT.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        ids = _repository(Path(folder) / "repo.git", commits)
        command = ["git", "daemon", "--reuseaddr", f"--listen={host}", f"--port={port}", "--export-all"]
        # The daemon is a child of git, so both are a group of their own and end together.
        with subprocess.Popen(
            [*command, f"--base-path={folder}", folder], stderr=subprocess.DEVNULL, start_new_session=True
        ) as daemon:
            try:
                _wait(host, int(port))
                assert daemon.poll() is None, f"another process has port {port}"
                yield ids
            finally:
                os.killpg(daemon.pid, signal.SIGTERM)


def _wait(host: str, port: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((host, port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _repository(path: Path, commits: list[Commit]) -> list[str]:
    date = "2024-01-01T00:00:00Z"
    who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
           for part, value in (("NAME", "a"), ("EMAIL", "a@example.com"), ("DATE", date))}  # fmt: skip
    environment = {**os.environ, **who, "HOME": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    path.mkdir()
    run("init", "-q", "-b", "main")
    ids = []
    for commit in commits:
        if run("symbolic-ref", "--short", "HEAD") != commit.branch:
            run("checkout", "-q", "-b", commit.branch)
        for name, text in commit.files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)
        run("add", "-A")
        run("commit", "-q", "-m", "x")
        if commit.tag:
            run("tag", commit.tag)
        ids.append(run("rev-parse", "HEAD"))
    run("checkout", "-q", "main")
    return ids
