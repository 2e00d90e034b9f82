"""dockerode, the client of Node programs; its calls are in dockerode.js."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.harness.server import PROJECT
from tests.integration.conftest import Skiff

SCRIPT = Path(__file__).with_name("dockerode.js")


def test_dockerodes_own_calls(skiff: Skiff) -> None:
    modules = subprocess.run([PROJECT / ".ci" / "dockerode"], capture_output=True, text=True, timeout=300)
    assert modules.returncode == 0, modules.stderr
    path = f"{PROJECT / '.venv' / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["node", SCRIPT, str(skiff.server.socket)],
        env={**os.environ, "NODE_PATH": modules.stdout.strip(), "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok: ") == SCRIPT.read_text().count("  async '")
