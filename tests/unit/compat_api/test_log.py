"""The log where there is nothing to write it with but stderr."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
PROGRAM = """
import resource, sys
sys.path.insert(0, {project!r})
import compat_api.__main__  # says how the rest is imported
import asyncio
import compat_api.server
from compat_api import log

log.configure("info")
loop = asyncio.new_event_loop()
loop.call_soon(log.rehearse, loop)
loop.call_soon(loop.stop)
loop.run_forever()
known = set(sys.modules)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
try:
    raise KeyError("lost")
except KeyError:
    log.logger.exception("Cannot go on")
loop.call_soon({{}}.__getitem__, "gone")
loop.call_soon(loop.stop)
loop.run_forever()
print(*(set(sys.modules) - known))
"""


def test_an_error_is_told_where_no_file_can_be_opened(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(project=str(PROJECT)))
    done = subprocess.run([sys.executable, "-I", program], capture_output=True, text=True, check=True)
    told = done.stderr.splitlines()
    assert told[0].endswith(" ERROR [-] Cannot go on")
    assert told[1] == "Traceback (most recent call last):"
    assert "KeyError: 'lost'" in told
    assert told[-1] == "KeyError: 'gone'"
    assert done.stdout.split() == []
