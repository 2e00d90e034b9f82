"""Modules that are run when they are touched: by whom, how often, and what is seen of them before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
sys.path[:0] = [{project!r}, {folder!r}]
from engine import late_modules
late_modules.LATE |= {{"slow", "broken"}}
late_modules.install()
late_modules.install()
"""


def said(folder: Path, program: str) -> list[str]:
    """Return what a fresh Python with two late modules prints, a line each."""
    (folder / "slow.py").write_text("print('run')\nimport time\ntime.sleep(0.05)\nvalue = __name__\n")
    (folder / "broken.py").write_text("first = 1\nraise ValueError('broken')\n")
    line = [sys.executable, "-I", "-c", PROGRAM.format(project=str(PROJECT), folder=str(folder)) + program]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def test_a_module_is_run_at_the_first_look_and_once(tmp_path: Path) -> None:
    program = "import slow; print('imported'); import slow; print(slow.value, slow.value, type(slow).__name__)"
    assert said(tmp_path, program) == ["imported", "run", "slow slow module"]


def test_a_name_that_is_imported_from_a_module_is_a_look(tmp_path: Path) -> None:
    assert said(tmp_path, "from slow import value; print(value)") == ["run", "slow"]


def test_one_that_is_imported_by_a_star_waits_too(tmp_path: Path) -> None:
    assert said(tmp_path, "from slow import *; import slow; print(slow.__all__); slow.value") == ["()", "run"]


def test_threads_that_look_at_once_wait_for_the_one_that_runs_it(tmp_path: Path) -> None:
    program = """
import slow, threading
found = []
threads = [threading.Thread(target=lambda: found.append(slow.value)) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
print(*found)
"""
    assert said(tmp_path, program) == ["run", " ".join(["slow"] * 8)]


def test_a_module_that_fails_tells_everybody_who_looks(tmp_path: Path) -> None:
    program = """
import broken
for _ in range(2):
    try:
        broken.first
    except ValueError as error:
        print(error)
"""
    assert said(tmp_path, program) == ["broken", "broken"]


def test_what_it_is_found_by_is_seen_without_running_it(tmp_path: Path) -> None:
    program = "import slow; print(slow.__name__, slow.__spec__.name, slow.__file__ == slow.__spec__.origin)"
    assert said(tmp_path, program) == ["slow slow True"]


def test_the_standard_librarys_own_do_what_they_did(tmp_path: Path) -> None:
    program = """
import asyncio, ssl, inspect, dataclasses, traceback
assert inspect.iscoroutinefunction(asyncio.sleep)
assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED
assert asyncio.sslproto.SSLProtocol.__module__ == "asyncio.sslproto"
assert dataclasses.asdict(dataclasses.make_dataclass("Pair", ["a"])([1])) == {"a": [1]}
try:
    raise KeyError("x")
except KeyError:
    print(traceback.format_exc().splitlines()[-1])
"""
    assert said(tmp_path, program) == ["KeyError: 'x'"]
