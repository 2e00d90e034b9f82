"""registries.conf: prefixes, mirrors, what is blocked or insecure, and the order of files."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from engine.registry.configuration import (
    BadRegistriesConfiguration,
    Registries,
    RegistryBlocked,
    load,
    locations,
    parse,
)


def read(*texts: str) -> Registries:
    return parse([(Path(f"{number}.conf"), tomllib.loads(text)) for number, text in enumerate(texts)])


MIRRORED = """
[[registry]]
prefix = "docker.io"
location = "hub.internal/docker"
insecure = true
[[registry.mirror]]
location = "near.example:5000"
insecure = true
[[registry.mirror]]
location = "digests.example/x"
pull-from-mirror = "digest-only"
"""


def test_without_rules_a_name_is_its_own_location() -> None:
    assert locations(read(), "r.example/a", by_digest=False) == [("r.example/a", False)]


def test_mirrors_come_before_the_location() -> None:
    found = read(MIRRORED)
    assert locations(found, "docker.io/library/x", by_digest=False) == [
        ("near.example:5000/library/x", True),
        ("hub.internal/docker/library/x", True),
    ]
    assert ("digests.example/x/library/x", False) in locations(found, "docker.io/library/x", by_digest=True)


def test_the_longest_prefix_counts_at_a_border_of_the_path() -> None:
    found = read(
        '[[registry]]\nlocation = "r.example"\nblocked = true\n[[registry]]\nlocation = "r.example/good"\n'
        '[[registry]]\nprefix = "*.evil.example"\nblocked = true'
    )
    assert locations(found, "r.example/good/x", by_digest=False) == [("r.example/good/x", False)]
    for name in ("r.example/bad", "r.example/goodish", "a.evil.example/x", "a.b.evil.example:5000/x"):
        with pytest.raises(RegistryBlocked):
            locations(found, name, by_digest=False)
    assert locations(found, "r.example.com/x", by_digest=False) == [("r.example.com/x", False)]


def test_a_later_file_replaces_the_rule_of_a_prefix() -> None:
    found = read('[[registry]]\nlocation = "r.example"\nblocked = true', '[[registry]]\nlocation = "r.example"')
    assert locations(found, "r.example/x", by_digest=False) == [("r.example/x", False)]


@pytest.mark.parametrize(
    "text",
    [
        "[registries.search]\nregistries = []",
        "[[registry]]\ninsecure = true",
        '[[registry]]\nlocation = "https://x"',
        '[[registry]]\nlocation = "x"\n[[registry.mirror]]\ninsecure = true',
        '[[registry]]\nlocation = "x"\n[[registry.mirror]]\nlocation = "y"\npull-from-mirror = "never"',
    ],
)
def test_what_cannot_be_meant_is_an_error(text: str) -> None:
    with pytest.raises(BadRegistriesConfiguration):
        read(text)


def test_files_are_read_in_their_order(tmp_path: Path) -> None:
    main, folder = tmp_path / "registries.conf", tmp_path / "registries.conf.d"
    folder.mkdir()
    main.write_text('[[registry]]\nlocation = "r.example"\nblocked = true')
    (folder / "1.conf").write_text('[[registry]]\nlocation = "r.example"\ninsecure = true')
    found = load(
        {
            "CONTAINERS_REGISTRIES_CONF": str(main),
            "CONTAINERS_REGISTRIES_CONF_DIR": str(folder),
        }
    )
    assert locations(found, "r.example/x", by_digest=False) == [("r.example/x", True)]
    main.write_text("no toml")
    with pytest.raises(BadRegistriesConfiguration):
        load({"CONTAINERS_REGISTRIES_CONF": str(main)})
