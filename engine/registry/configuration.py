"""What this machine's administrator says of registries: mirrors, and which are blocked or insecure.

Format: registries.conf, version 2 (containers-registries.conf(5)), the main file and then its drop-ins in the order of
their names, of which a later one replaces what an earlier one says of the same prefix. Read anew for each pull or push.
Short names mean Docker Hub, as for dockerd: aliases and unqualified-search-registries are podman's affair, as they are
for podman's own API as it is set by default.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.errors import Forbidden, Unavailable
from engine.lean_dataclasses import dataclass

MAIN = (Path("/etc/containers/registries.conf"), Path("/usr/share/containers/registries.conf"))
DROP_INS = Path("/etc/containers/registries.conf.d")


class BadRegistriesConfiguration(Unavailable):
    """registries.conf cannot be read, or says what cannot be meant."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"cannot use {path}: {cause}")
        self.path = path


class RegistryBlocked(Forbidden):
    """registries.conf forbids this registry."""

    def __init__(self, name: str, prefix: str) -> None:
        super().__init__(f"registry {prefix} is blocked in registries.conf: cannot use {name}")
        self.name = name
        self.prefix = prefix


@dataclass(frozen=True, slots=True)
class Location:
    """Where to ask: a host with maybe a path, which stands for a prefix of the name."""

    location: str
    insecure: bool = False
    only: str = "all"  # what a mirror is asked for: all, digest-only, tag-only


@dataclass(frozen=True, slots=True)
class Rule:
    """What is said of the names that begin with a prefix."""

    prefix: str
    location: Location
    blocked: bool = False
    mirrors: tuple[Location, ...] = ()
    mirror_by_digest_only: bool = False


@dataclass(frozen=True, slots=True)
class Registries:
    """All that is said."""

    rules: tuple[Rule, ...] = ()

    def rule(self, name: str) -> Rule | None:
        """Return the rule with the longest prefix of a whole name (host/path)."""
        fitting = [each for each in self.rules if fits(each.prefix, name)]
        return max(fitting, key=lambda each: len(each.prefix), default=None)


def fits(prefix: str, name: str) -> bool:
    """Whether a prefix stands for a name: at a border of the path, or *.domain for what lies below a domain."""
    if prefix.startswith("*."):
        return name.split("/")[0].split(":")[0].endswith(prefix[1:])
    return name == prefix or (name.startswith(prefix) and name[len(prefix)] in "/:@")


def locations(registries: Registries, name: str, *, by_digest: bool) -> list[tuple[str, bool]]:
    """Return where to ask for a whole name, mirrors first: the name there, and whether insecure access is allowed.

    Raises RegistryBlocked.
    """
    rule = registries.rule(name)
    if rule is None:
        return [(name, False)]
    if rule.blocked:
        raise RegistryBlocked(name, rule.prefix)
    found = []
    for mirror in rule.mirrors:
        only = "digest-only" if rule.mirror_by_digest_only else mirror.only
        if only == "all" or (only == "digest-only") == by_digest:
            found.append((rewritten(rule.prefix, mirror.location, name), mirror.insecure))
    return [*found, (rewritten(rule.prefix, rule.location.location, name), rule.location.insecure)]


def rewritten(prefix: str, location: str, name: str) -> str:
    """Return a name with a location in the place of its prefix."""
    if prefix.startswith("*.") or not location:
        return name
    return location + name[len(prefix) :]


def load(environment: Mapping[str, str] = os.environ) -> Registries:
    """Read the configuration. Raises BadRegistriesConfiguration."""
    named = environment.get("CONTAINERS_REGISTRIES_CONF")
    files = [Path(named)] if named else [next((path for path in MAIN if path.exists()), MAIN[0])]
    if not named or environment.get("CONTAINERS_REGISTRIES_CONF_DIR"):
        folder = Path(environment.get("CONTAINERS_REGISTRIES_CONF_DIR") or DROP_INS)
        files += sorted(folder.glob("*.conf"))
    tables = [table for path in files if (table := _table(path)) is not None]
    return parse(tables)


def parse(tables: Iterable[tuple[Path, dict[str, Any]]]) -> Registries:
    """Put the tables of the files together, later ones over earlier ones. Raises BadRegistriesConfiguration."""
    rules: dict[str, Rule] = {}
    for path, table in tables:
        try:
            if isinstance(table.get("registries"), dict):
                raise ValueError("version 1 of its format is not supported")
            for each in table.get("registry") or []:
                rule = _rule(each)
                rules[rule.prefix] = rule
        except (ValueError, TypeError, AttributeError) as error:
            raise BadRegistriesConfiguration(path, str(error)) from None
    return Registries(tuple(rules.values()))


def _rule(table: dict[str, Any]) -> Rule:
    location = str(table.get("location") or "").rstrip("/")
    prefix = str(table.get("prefix") or location).rstrip("/")
    if not prefix:
        raise ValueError("a registry needs a prefix or a location")
    if "://" in location or "://" in prefix:
        raise ValueError(f"{location or prefix} must not have a scheme")
    mirrors = tuple(_mirror(each) for each in table.get("mirror") or [])
    main = Location(location, bool(table.get("insecure")))
    return Rule(prefix, main, bool(table.get("blocked")), mirrors, bool(table.get("mirror-by-digest-only")))


def _mirror(table: dict[str, Any]) -> Location:
    location = str(table.get("location") or "").rstrip("/")
    if not location:
        raise ValueError("a mirror needs a location")
    only = str(table.get("pull-from-mirror") or "all")
    if only not in ("all", "digest-only", "tag-only"):
        raise ValueError(f"pull-from-mirror cannot be {only}")
    return Location(location, bool(table.get("insecure")), only)


def _table(path: Path) -> tuple[Path, dict[str, Any]] | None:
    import tomllib

    try:
        return path, tomllib.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadRegistriesConfiguration(path, str(error)) from None
