"""Recording ends that a monitor has told of and nobody has recorded yet, before somebody is told that they run.

The exit command records each, but a Python starts first: a tenth of a second, and several on a busy machine, in which
clients took an ended container for a running one, and linked others to it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.containers.settle import settle_exit
from engine.errors import EngineError
from engine.hurry import WouldWait, is_hurried

if TYPE_CHECKING:
    from engine import Engine

log = logging.getLogger(__name__)


def record_ends(engine: Engine, ended: Iterable[str]) -> None:
    """Record the ends of containers, by id, and take down what they stood on; raises WouldWait in a hurry.

    One whose end cannot be recorded stays as it is.
    """
    if is_hurried():
        raise WouldWait
    for each in ended:
        try:
            settle_exit(engine, each)
        except (EngineError, OSError):
            log.exception("Container %s: cannot record its end", each)
