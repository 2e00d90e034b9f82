"""Builds that fetch: contexts, files and repositories from servers on loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conformance.building import build, clear, context
from tests.conformance.newer_language import newer
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session
from tests.harness import remotes, tars
from tests.harness.recorded_gzip import recorded_gzip
from tests.harness.remotes import Commit, Page

FILE = b"fetched\n"
SUM = hashlib.sha256(FILE).hexdigest()
DATED = {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
TEXT = {"Content-Type": "text/plain"}
TAR = {"Content-Type": "application/x-tar"}
DOCKERFILE = f"FROM {IMAGE}\nCOPY a /a\n"
CONTEXT = context({"Dockerfile": DOCKERFILE, "a": "from a context\n"})
PAGES = {
    "/file": Page(FILE, DATED),
    "/a%20b": Page(FILE, DATED),
    "/named/": Page(FILE, {**DATED, "Content-Disposition": 'attachment; filename="given.txt"'}),
    "/": Page(FILE, DATED),
    "/in.tar": Page(tars.archive(tars.member("inside", b"x", mode=0o640))[:2048], {**DATED, **TAR}),
    "/longer": Page(f"FROM {IMAGE}\n# {'long' * 40}\nRUN echo remote >/r\n".encode(), TEXT),
    "/untyped": Page(f"FROM {IMAGE}\nRUN echo remote >/r\n".encode()),
    "/Dockerfile": Page(f"FROM {IMAGE}\nRUN echo remote >/r\n".encode(), TEXT),
    "/needy": Page(DOCKERFILE.encode(), TEXT),
    "/context.tar": Page(CONTEXT, TAR),
    "/context.tar.gz": Page(recorded_gzip(CONTEXT), {"Content-Type": "application/x-gzip"}),
    "/context": Page(CONTEXT, {"Content-Type": "application/octet-stream"}),
    "/page": Page(b"<html>", {"Content-Type": "text/html"}),
    "/empty": Page(b"", TEXT),
}
WHOLE = f"FROM {IMAGE}\nCOPY a sub /all/\nCOPY .git/HEAD /\n"
BELOW = f"FROM {IMAGE}\nCOPY . /sub/\n"
CONTEXTS = (
    "Dockerfile", "longer", "untyped", "needy", "context.tar", "context.tar.gz", "context", "page", "empty", "missing",
)  # fmt: skip
COMMITS = [
    Commit({"Dockerfile": WHOLE, "a": "first\n", "sub/Dockerfile": BELOW, "sub/b": "below\n"}, tag="v1"),
    Commit({"a": "second\n", ".dockerignore": ".git\n"}),
    Commit({"a": "aside\n"}, branch="side"),
    Commit({"a": "where only contexts are looked for\n"}, branch="master"),
]
ADDED = (("file", "/f"), ("file", "/d/"), ("a%20b", "/d/"), ("in.tar", "/t/"), ("missing", "/f"))
UNNAMED = (("named/", "/d/"), ("", "/d/"), ("", "/f"))


@contextmanager
def served() -> Iterator[list[str]]:
    """Serve PAGES and COMMITS; gives the commits' ids."""
    with remotes.web(PAGES), remotes.git(COMMITS) as ids:
        yield ids


@scenario
def builds_that_fetch(s: Session) -> None:
    """Contexts and files that the classic builder fetches."""
    web, git = f"http://{remotes.WEB}", f"git://{remotes.GIT}/repo.git"
    with served():
        for page in (
            "Dockerfile",
            "longer",
            "untyped",
            "needy",
            "context.tar",
            "context.tar.gz",
            "context",
            "page",
            "empty",
            "missing",
        ):
            build(s, f"<{page}>", body=b"", remote=f"{web}/{page}")
        build(s, "<another Dockerfile>", body=b"", remote=f"{web}/context.tar", dockerfile="nosuch")
        for part in ("", "#main", "#side", "#v1", "#:sub", "#v1:sub", "#nosuch", "#:nosuch", "#:a", "#:../..", "#-x"):
            build(s, f"<a repository{part}>", body=b"", remote=git + part)
        for source, destination in (*ADDED, *UNNAMED):
            build(s, f"FROM IMAGE\nADD {web}/{source} {destination}\n")
        build(s, f"FROM IMAGE\nADD --chown=3:4 {web}/file {web}/in.tar /d/\n")
        build(s, f"FROM IMAGE\nADD {web}/file /f\n")  # now from the cache
    clear(s)


@scenario
def newer_fetches(s: Session) -> None:
    """ADD of files with sums, and of repositories."""
    web, git = f"http://{remotes.WEB}", f"git://{remotes.GIT}/repo.git"
    with served() as ids:
        for source, destination in ADDED:
            newer(s, f"FROM IMAGE\nADD {web}/{source} {destination}\n")
        newer(s, f"FROM IMAGE\nADD --unpack=true {web}/in.tar /t/\n")
        newer(s, f"FROM IMAGE\nADD --chmod=755 --chown=3:4 {web}/file /f\n")
        for checksum in (f"sha256:{SUM}", f"sha256:{'0' * 64}", "sha256:short", SUM, f"SHA256:{SUM}", ""):
            newer(s, f"FROM IMAGE\nADD --checksum={checksum} {web}/file /f\n")
        newer(s, f"FROM IMAGE\nARG SUM=sha256:{SUM}\nADD --checksum=$SUM {web}/file /f\n")
        newer(s, f"FROM IMAGE\nADD --checksum=sha256:{SUM} Dockerfile /f\n")
        newer(s, f"FROM IMAGE\nADD --checksum=sha256:{SUM} {web}/file {web}/in.tar /d/\n")
        for part in ("", "#side", "#v1", "#:sub", "#v1:sub", f"#{ids[0]}", "#nosuch", "#:nosuch"):
            newer(s, f"FROM IMAGE\nADD {git}{part} /r\n")
        newer(s, f"FROM IMAGE\nADD --chown=3:4 --chmod=700 {git}#:sub /r/\n")
        newer(s, f"FROM IMAGE AS a\nADD --keep-git-dir=true {git}#v1 /r\nFROM IMAGE\nCOPY --from=a /r/.git/HEAD /h\n")
        for checksum in (ids[1], ids[1][:12], ids[0], "x"):
            newer(s, f"FROM IMAGE\nADD --checksum={checksum} {git} /r\n")
        newer(s, f"FROM IMAGE\nCOPY {web}/file /f\n")
    clear(s)
