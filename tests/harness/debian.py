"""A Debian of the machine's own release with Python, as a root file system for images that hold real programs.

Made by debootstrap from the archive that apt uses, which takes a minute, and kept in .tools for the next run.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.harness.server import PROJECT

INCLUDED = "python3,python3-venv"


def rootfs() -> Path:
    """Return a tar archive of it; raises AssertionError with what debootstrap said."""
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    archive = PROJECT / ".tools" / f"{codename}-python.tar"
    if archive.exists():
        return archive
    archive.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="debian-") as folder:
        root = Path(folder) / "root"
        made = ["debootstrap", "--variant=minbase", f"--include={INCLUDED}", codename, str(root), _mirror(codename)]
        try:
            subprocess.run(made, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        except subprocess.CalledProcessError as error:
            raise AssertionError(f"debootstrap failed:\n{error.stdout[-3000:]}") from None
        for useless in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
            shutil.rmtree(root / useless, ignore_errors=True)
        part = archive.with_suffix(".part")
        subprocess.run(["tar", "-C", str(root), "--exclude=./dev/*", "-cf", str(part), "."], check=True)
        part.rename(archive)
    return archive


def _mirror(codename: str) -> str:
    """Return the archive that apt has this release from."""
    asked = ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(CODENAME)", "Created-By: Packages"]
    for line in subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines():
        site, *names = line.split()
        if codename in names and "security" not in site:
            return site
    raise AssertionError(f"apt knows no archive of {codename}")
