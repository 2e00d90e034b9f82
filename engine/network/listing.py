"""Which networks a list request names: the filters, pure. The words of the errors are dockerd's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from engine.errors import EngineError, InvalidFilter, InvalidParameter
from engine.filters import FALSE, TRUE, has_labels, matches
from engine.network.record import Network

FILTERS = frozenset(("dangling", "driver", "id", "label", "name", "scope", "type"))


class InvalidNetworkType(EngineError):
    """A value of the filter type that does not exist; dockerd calls this its own failure."""

    def __init__(self, value: str) -> None:
        super().__init__(f"invalid filter: 'type'='{value}'")
        self.value = value


class InvalidDangling(InvalidParameter):
    """The filter dangling is neither true nor false."""

    def __init__(self) -> None:
        super().__init__('invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")')


class SeveralDangling(InvalidParameter):
    """The filter dangling has more than one value."""

    def __init__(self) -> None:
        super().__init__('got more than one value for filter key "dangling"')


def select(networks: Sequence[Network], used: Collection[str], filters: dict[str, list[str]]) -> list[Network]:
    """Return the networks that the filters name; used are the ids of those that have containers.

    Raises InvalidFilter, InvalidNetworkType, InvalidDangling.
    """
    for name in filters:
        if name not in FILTERS:
            raise InvalidFilter(name)
    wanted_type = filters.get("type")
    for value in wanted_type or ():
        if value not in ("builtin", "custom"):
            raise InvalidNetworkType(value)
    dangling = _dangling(filters.get("dangling"))
    return [
        network
        for network in networks
        if _matches(network, filters)
        and (wanted_type is None or ("custom" if network.user_defined else "builtin") in wanted_type)
        and (dangling is None or dangling == (network.user_defined and network.id not in used))
    ]


def _matches(network: Network, filters: dict[str, list[str]]) -> bool:
    definition = network.definition
    return (
        _any(filters.get("driver"), lambda value: value == definition.driver)
        and _any(filters.get("scope"), lambda value: value == definition.scope)
        and (not filters.get("name") or matches(filters["name"], network.name))
        and (not filters.get("id") or matches(filters["id"], network.id))
        and has_labels(definition.labels, filters.get("label", []))
    )


def _any(values: list[str] | None, test: Callable[[str], bool]) -> bool:
    return not values or any(test(value) for value in values)


def _dangling(values: list[str] | None) -> bool | None:
    if not values:
        return None
    if len(values) > 1:
        raise SeveralDangling
    is_true, is_false = bool(TRUE & set(values)), bool(FALSE & set(values))
    if is_true == is_false:
        raise InvalidDangling
    return is_true
