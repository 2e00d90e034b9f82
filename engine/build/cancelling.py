"""Ending a build from outside: a flag, and a descriptor that wakes whoever waits for something else."""

from __future__ import annotations

import os

from engine.build.errors import BuildCancelled


class Cancellation:
    """Set once, by any thread; close it when nobody uses it any more."""

    def __init__(self) -> None:
        self._set = False
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def cancel(self) -> None:
        """End the build at its next step, and the step that it is at if that can be ended."""
        if not self._set:
            self._set = True
            os.eventfd_write(self._fd, 1)

    @property
    def cancelled(self) -> bool:
        """Whether somebody has ended the build."""
        return self._set

    def check(self) -> None:
        """Raise BuildCancelled if somebody has."""
        if self._set:
            raise BuildCancelled

    def fileno(self) -> int:
        """Return the descriptor that can be read from then on."""
        return self._fd

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)
