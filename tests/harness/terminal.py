"""A real terminal that a test types into and reads: tmux, whose output comes through a FIFO as it appears."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

WIDTH, HEIGHT = 80, 24
EXPECT_SECONDS = 20.0


class Terminal:
    """One tmux session with a shell in it, on a tmux server of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        fifo = folder / "output"
        os.mkfifo(fifo)
        variables = [part for name, value in environment.items() for part in ("-e", f"{name}={value}")]
        shell = "env PS1='host> ' sh"
        self._run("start-server", ";", "set", "-g", "status", "off", ";", "new-session", "-d", "-s", "test",
                  "-x", str(WIDTH), "-y", str(HEIGHT), *variables, shell)  # fmt: skip
        # Opened for both so that neither side waits for the other.
        self._output = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self._run("pipe-pane", "-t", "test", f"exec cat >{fifo}")
        self.seen = ""
        self.line("echo re''ady")
        self.expect(r"ready\s+host> ")

    def type(self, *keys: str) -> None:
        """Press keys, by tmux's names for them: "echo hi", "Enter", "C-p"."""
        self._run("send-keys", "-t", "test", *keys)

    def line(self, text: str) -> None:
        """Type a line and Enter."""
        self._run("send-keys", "-t", "test", "-l", text)
        self.type("Enter")

    def expect(self, pattern: str) -> str:
        """Read until the pattern is in what came since the last expect; returns what it matched.

        Raises AssertionError with the screen when it does not come.
        """
        end = time.monotonic() + EXPECT_SECONDS
        while not (match := re.search(pattern, self.seen)):
            left = end - time.monotonic()
            ready = select.select([self._output], [], [], left)[0] if left > 0 else []
            assert ready, f"{pattern!r} did not appear\n--- seen:\n{self.seen!r}\n--- screen:\n{self.screen()}"
            self.seen += os.read(self._output, 65536).decode(errors="replace")
        self.seen = self.seen[match.end() :]
        return match[0]

    def resize(self, width: int, height: int) -> None:
        """Change the window's size, as a person drags its corner."""
        self._run("resize-window", "-t", "test", "-x", str(width), "-y", str(height))

    def screen(self) -> str:
        """Return what the screen shows now."""
        return self._run("capture-pane", "-p", "-t", "test")

    def close(self) -> None:
        """End the session and all that runs in it."""
        self._run("kill-server")
        os.close(self._output)

    def _run(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True).stdout
