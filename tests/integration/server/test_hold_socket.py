"""What holds the socket where systemd does not: told to end at any moment, it ends, with its server and its file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.harness import processes
from tests.harness.server import HOLDER

MOMENTS = 60
LONGEST_SECONDS = 0.004  # from a server's end until its successor waits
END_SECONDS = 10.0


def held(path: Path) -> subprocess.Popen[str]:
    """Start a holder, and return once its server waits for a client."""
    holder = subprocess.Popen(
        [sys.executable, str(HOLDER), "--socket", str(path), "--log", f"{path}.log", "--", "echo", str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None and holder.stdout.readline() == f"listening on {path}\n"
    while "Listening on" not in Path(f"{path}.log").read_text():
        time.sleep(0.001)
    return holder


def test_told_to_end_while_one_server_follows_another(tmp_path: Path) -> None:
    for moment in range(MOMENTS):
        path = tmp_path / f"{moment}.sock"
        with held(path) as holder:
            [server] = processes.descendants(holder.pid)
            os.kill(server.pid, signal.SIGKILL)
            time.sleep(LONGEST_SECONDS * moment / MOMENTS)
            holder.terminate()
            try:
                ended = holder.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                left = processes.descendants(holder.pid)
                for each in left:
                    os.kill(each.pid, signal.SIGKILL)
                raise AssertionError(f"told to end after moment {moment}, waits for {left}") from None
        assert ended == 0, moment
        assert not path.exists()
        assert not processes.mentioning(str(path)), moment


def test_a_server_acts_on_signals(tmp_path: Path) -> None:
    """What the holder waits for, and so blocks, its servers do not block, nor ignore."""
    path = tmp_path / "here.sock"
    with held(path) as holder:
        [server] = processes.descendants(holder.pid)
        status = Path(f"/proc/{server.pid}/status").read_text()
        holder.terminate()
    masks = dict(line.split(":\t") for line in status.splitlines() if line.startswith("Sig"))
    assert int(masks["SigBlk"], 16) == 0
    assert not int(masks["SigIgn"], 16) & (1 << signal.SIGTERM - 1 | 1 << signal.SIGINT - 1)
