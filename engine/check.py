"""What stands in the way of containers on this machine, and what killed processes left: told in words.

Called by `skiff check`. Looks only, unless it is asked to repair.
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.lean_dataclasses import dataclass
from engine.runtime import cgroups, oci

if TYPE_CHECKING:
    from engine import Engine


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be; serious: no container can run because of it."""

    text: str
    serious: bool = False


def check(engine: Engine, *, repair: bool = False, contents: bool = False) -> list[Finding]:
    """Return what is wrong, serious things first; with repair, mend what killed processes left.

    With contents, read every layer of every image and compare it with its digest.
    """
    found = [*_tools(engine), *_cgroups(), *_state(engine, repair), *_store(engine, repair, contents)]
    return sorted(found, key=lambda finding: not finding.serious)


def _tools(engine: Engine) -> list[Finding]:
    found = []
    settings = engine.settings
    try:
        oci.find(None, default=settings.default_runtime, run_root=settings.run_root)
    except EngineError as error:
        found.append(Finding(str(error), serious=True))
    if oci.which("conmon") is None:
        found.append(Finding("cannot find conmon: install it", serious=True))
    from engine.network.nftables import LIBRARY

    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        found.append(Finding(f"cannot find {LIBRARY}: install nftables; only the networks host and none work"))
    if os.geteuid() != 0:
        found.append(Finding("not running as root: containers need it", serious=True))
    return found


def _cgroups() -> list[Finding]:
    layout = cgroups.detect()
    runtime = oci.which("crun")
    if layout.unified_controllers and runtime is not None and oci.which("runc") is None:
        return [Finding(str(cgroups.HybridCgroupRefused(layout.unified_controllers)))]
    return []


def _state(engine: Engine, repair: bool) -> list[Finding]:
    from engine.containers.reconcile import doubtful, reconcile

    try:
        found = [Finding(text) for text in (*doubtful(engine), *engine.networks.doubtful())]
        if repair:
            reconcile(engine)
    except (EngineError, OSError) as error:
        return [Finding(f"cannot read the state: {error}", serious=True)]
    return found


def _store(engine: Engine, repair: bool, contents: bool) -> list[Finding]:
    from engine.storage import examine

    try:
        found = [Finding(text) for text in examine.examine(engine.store, contents=contents)]
        if repair and found:
            examine.repair(engine.store, contents=contents)
            left = examine.examine(engine.store, contents=contents)
            found = [Finding(f"{each.text} (mended)") for each in found if each.text not in left] + [
                Finding(text) for text in left
            ]
    except (EngineError, OSError, ValueError) as error:
        return [Finding(f"cannot read the store of images: {error}", serious=True)]
    return found
