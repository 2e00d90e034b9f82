"""Starting the small processes that stay with a container: health monitor, log keeper, who waits to restart it."""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import threading

from engine.runtime import monitor_cgroup

log = logging.getLogger(__name__)


def spawn(line: list[str], name: str) -> None:
    """Start a process that outlives this one, in the cgroup where monitors are; name: what its thread is called.

    Moving it costs milliseconds, so a thread does it, and waits for it. Raises OSError when it cannot be started.
    """
    log.debug("Run %s", shlex.join(line))
    process = subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
        env={"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")},
    )

    def stay() -> None:
        monitor_cgroup.move(process.pid)
        process.wait()  # so that it leaves no zombie while this process lives

    threading.Thread(target=stay, name=name, daemon=True).start()
