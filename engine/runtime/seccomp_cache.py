"""Compiled seccomp filters, kept so that crun need not compile one for every container.

crun makes the kernel's program (BPF) from linux.seccomp, which takes longer than the rest of a create. It leaves
the program in its state folder as seccomp.bpf, and takes one ready made from the annotation run.oci.seccomp_bpf_data
(crun.1.md). So the first container with a profile compiles it and the next ones, until the next boot, bring it
along. Files: Settings.run_root/seccomp/<hash of runtime and profile>.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from engine.durable import write_file
from engine.runtime.oci import Runtime
from engine.sha256 import sha256

ANNOTATION = "run.oci.seccomp_bpf_data"
COMPILED = "seccomp.bpf"


def bring(spec: dict[str, Any], runtime: Runtime, run_root: Path) -> Path | None:
    """Put the compiled filter into a spec that wants one; returns where to keep it when it is yet to be compiled."""
    profile = spec.get("linux", {}).get("seccomp")
    if not profile or runtime.name != "crun" or profile.get("listenerPath"):
        return None
    # The program depends on who compiles it: another crun, or another library beneath it, gets files of its own.
    compiler = Path(runtime.path).stat()
    key = json.dumps([profile, runtime.path, compiler.st_mtime_ns, compiler.st_size], sort_keys=True)
    path = run_root / "seccomp" / sha256(key.encode()).hexdigest()
    try:
        program = path.read_bytes()
    except FileNotFoundError:
        return path
    spec.setdefault("annotations", {}).setdefault(ANNOTATION, base64.b64encode(program).decode())
    return None


def keep(path: Path, runtime: Runtime, container_id: str) -> None:
    """Keep the filter that was compiled for a container just created."""
    try:
        program = (runtime.state_folder / container_id / COMPILED).read_bytes()
    except FileNotFoundError:
        return  # a crun that leaves none
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(path, program, sync=False)
