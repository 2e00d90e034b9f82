"""What the server tells its operator: lines on stderr, each with the id of the request it belongs to."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from contextvars import ContextVar

logger = logging.getLogger("skiff")
request_id: ContextVar[str] = ContextVar("request_id", default="-")


class _RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


def configure(level: str) -> None:
    """Send the log to stderr from this level on ("debug", "info", "warning", "error")."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(request_id)s] %(message)s"))
    handler.addFilter(_RequestIdFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logger.setLevel(level.upper())


def dump_tasks() -> None:
    """Log where every task stands; the server does so on SIGUSR1."""
    for task in asyncio.all_tasks():
        text = io.StringIO()
        task.print_stack(file=text)
        logger.warning("Task %s\n%s", task.get_name(), text.getvalue().rstrip())
