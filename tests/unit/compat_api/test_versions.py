"""The table of the API's versions: in order, and the only place that names them."""

from __future__ import annotations

import re
from pathlib import Path

import compat_api
from compat_api import versions
from compat_api.headers import NEWEST_VERSION, OLDEST_VERSION

LITERAL = re.compile(r"""since\(["(]|\b(?:version|api) (?:<|<=|>|>=) \(1, \d+\)|wanted(?:_once)?\(request, ["(]""")
EXEMPT = {"versions.py", "headers.py"}


def test_the_table_is_in_order_and_within_what_is_served() -> None:
    found = [value for name, value in vars(versions).items() if name.isupper()]
    assert found == sorted(found)
    assert all(OLDEST_VERSION < each <= NEWEST_VERSION for each in found)


def test_no_other_module_names_a_version() -> None:
    places = []
    for path in sorted(Path(compat_api.__path__[0]).rglob("*.py")):
        if path.name not in EXEMPT:
            lines = enumerate(path.read_text().splitlines(), 1)
            places += [f"{path.name}:{number}: {line.strip()}" for number, line in lines if LITERAL.search(line)]
    assert places == [], "name what changed in compat_api/versions.py"
