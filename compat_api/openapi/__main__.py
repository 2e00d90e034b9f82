"""`python -m compat_api.openapi`: see the package."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from compat_api import body
from compat_api.openapi import bodies
from compat_api.openapi.coverage import table
from compat_api.openapi.document import document
from compat_api.openapi.facts import facts_of, to_lines
from compat_api.openapi.yaml import to_yaml
from engine.version import API_VERSION

FOLDER = Path("openapi")
FACTS = FOLDER / f"dockerd-v{API_VERSION}.json"
HEADING = "# Written by `make openapi`; changes belong into compat_api/routes and compat_api/models.\n"


def files() -> dict[Path, str]:
    """Return what each file has to be; paths are relative to the project."""
    found = document()
    return {
        FOLDER / f"skiff-v{API_VERSION}.yaml": HEADING + to_yaml(found),
        Path("compat_api") / "openapi.json": to_lines(found),
        Path("compat_api") / body.FILE: bodies.text(),
        FOLDER / "coverage.md": table(json.loads(FACTS.read_text()), found),
    }


def main(arguments: list[str]) -> int:
    """Write the files, or compare them with those that are there; returns the process's exit code."""
    if arguments[:1] == ["facts"] and len(arguments) == 2:
        import yaml

        FACTS.write_text(to_lines(facts_of(yaml.safe_load(Path(arguments[1]).read_text()))))
        return 0
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m compat_api.openapi [--check | facts FILE]\n")
        return 2
    old = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if arguments:
        for path in old:
            sys.stderr.write(f"{path} is not what the code says: run `make openapi`\n")
        return 1 if old else 0
    for path, text in files().items():
        if path in old:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
