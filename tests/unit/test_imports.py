"""What importing costs is a request's latency, so it is held here: by modules, which do not vary as times do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.late_modules import LATE

PROJECT = Path(__file__).resolve().parents[2]
HEAVY = {"aiohttp", "aiofiles", "docker", "fastcrc", "importlib.metadata", "isal", "pydantic", "pyroute2", "requests"}
HEAVY |= {"uvloop", "yaml", "zstandard"}
LOOP = {"asyncio", "concurrent.futures", "ssl"}
TOOLS = {"ctypes", "dataclasses", "inspect", "json", "logging", "sqlite3", "subprocess", "tempfile", "typing"}


def modules_of(package: str) -> list[str]:
    paths = sorted((PROJECT / package).rglob("*.py"))
    names = [".".join(path.relative_to(PROJECT).with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names]


def loaded_by(*modules: str, then: str = "pass") -> set[str]:
    """Return the names of what a fresh Python has run once it has imported the modules, and then done something."""
    program = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import {', '.join(modules)}; {then}; "
    program += "print(*(name for name, each in sys.modules.items() if type(each).__name__ != '_Late'))"
    done = subprocess.run([sys.executable, "-I", "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    return set(done.stdout.split())


def test_the_engine_needs_nothing_but_the_standard_library() -> None:
    loaded = loaded_by(*modules_of("engine"))
    assert loaded & HEAVY == set()
    assert not any(name.startswith("compat_api") for name in loaded), "the engine knows nothing of HTTP"


@pytest.mark.parametrize(
    ("module", "banned"),
    [
        ("engine", HEAVY | LOOP | TOOLS),
        ("engine.monitor_exit", HEAVY | LOOP),
        ("engine.containers.settle", HEAVY | LOOP),
        ("engine.containers.remove", HEAVY | LOOP),
        ("engine.state.database", HEAVY | LOOP | {"ctypes", "subprocess", "tempfile"}),
        ("compat_api.__main__", HEAVY | LOOP | TOOLS),
        ("compat_api.front_door", HEAVY | LOOP | TOOLS),
        ("compat_api.routes", HEAVY | LOOP | {"ctypes", "sqlite3", "subprocess"}),
        ("compat_api.cli", HEAVY | LOOP | {"sqlite3", "ctypes"}),
    ],
)
def test_what_a_cold_start_pays_for(module: str, banned: set[str]) -> None:
    assert loaded_by(module) & banned == set()


def test_the_server_answers_without_models_and_without_aiohttp() -> None:
    loaded = loaded_by(
        "compat_api.server", "compat_api.dispatch", "compat_api.connection", "compat_api.handlers.system"
    )
    assert loaded & {"pydantic", "aiohttp", "multidict", "yarl"} == set()


def test_what_aiohttp_reads_needs_no_client() -> None:
    assert loaded_by("compat_api.parsed") & {"aiohttp.client", "aiohttp.connector"} == set()


def test_what_a_cold_run_pays_for() -> None:
    """All that `docker run` makes the server import: create, attach, wait and start, with their bodies and verbs."""
    create = "; ".join(
        (
            "from compat_api.decode import decode_body",
            "from compat_api.create_request import adapt, records",
            "known = dict(required=True, length_known=True)",
            'text = b\'{"Image": "busybox", "HostConfig": {"Binds": ["/a:/b"]}}\'',
            "body = decode_body('containers:CreateBody', text, 'application/json', **known)",
            "adapt(body, (1, 51))",
            "records(body)",
        )
    )
    handlers = [f"compat_api.handlers.{name}" for name in ("containers", "container_streams", "container_runs")]
    verbs = [f"engine.containers.{name}" for name in ("create", "attach", "wait", "start", "settle", "networks")]
    server = ("compat_api.__main__", "compat_api.server", "compat_api.connection", "engine.network.join")
    loaded = loaded_by(*server, *handlers, *verbs, then=create)
    assert loaded & (HEAVY | {"http", "platform", "runpy", "urllib.request"}) == set()
    for_others = {"compat_api.shapes.containers", "compat_api.websocket", "engine.containers.execs"}
    for_others |= {"engine.containers.logs", "engine.network.elements"}
    assert loaded & for_others == set()
    assert loaded & LATE <= loaded_by("sys"), "what is late is not touched on the way"


SERVE = """
import socket, sys, threading
sys.path.insert(0, {project!r})
from compat_api.__main__ import main

def ask():
    while True:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect({folder!r} + "/s")
            except OSError:
                continue
            client.sendall(b"POST /containers/create HTTP/1.1\\r\\nHost: d\\r\\nContent-Type: application/json\\r\\n"
                           b"Content-Length: 15\\r\\n\\r\\n" + b'{{"Image": "no"}}')
            assert client.recv(4096).startswith(b"HTTP/1.1 404 Not Found")
            return

asking = threading.Thread(target=ask)
asking.start()
folders = ["--root", {folder!r} + "/root", "--run-root", {folder!r} + "/run"]
main(["--listen", "unix://" + {folder!r} + "/s", "--idle-timeout", "0.1", *folders])
asking.join()
print(*(name for name, each in sys.modules.items() if type(each).__name__ != "_Late"))
"""


def test_a_server_that_answers_touches_nothing_that_is_late(tmp_path: Path) -> None:
    program = SERVE.format(project=str(PROJECT), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-I", "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "asyncio" in loaded
    assert loaded & (HEAVY | {"ast", "inspect", "ssl"}) == set()
