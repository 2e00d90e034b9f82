"""The text that tells the attendant what there is (engine.attendant.state says how it is read). Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

from engine.lean_dataclasses import dataclass, field
from engine.network.record import Endpoint

DNS = "dns/"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the attendant is to know.

    joined: (network's name, endpoint) of every container. relays: where what comes to a port's socket, by its key, is
    led. servers: the machine's own name servers. holders: the container of each port.
    """

    joined: Sequence[tuple[str, Endpoint]] = ()
    relays: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    servers: Sequence[str] = ()
    holders: Mapping[str, str] = field(default_factory=dict)

    def keys(self) -> list[str]:
        """Return the keys of all sockets that the attendant needs."""
        asking = dict.fromkeys(endpoint.container_id for _, endpoint in self.joined if endpoint.asking)
        return [*(DNS + each for each in asking), *self.relays]


def text(facts: Facts) -> str:
    """Return the state as text; empty when there is nothing to answer or to relay."""
    lines = [*_networks(facts.joined), *_names(facts.joined), *_containers(facts)]
    lines += [f"relay {key} {address} {port}" for key, (address, port) in facts.relays.items()]
    return "\n".join(lines)


def _networks(joined: Sequence[tuple[str, Endpoint]]) -> Iterator[str]:
    known = {endpoint.network_id: name for name, endpoint in joined if endpoint.names}
    for network_id, name in known.items():
        yield f"network {network_id} {name if _plain(name) else '-'}"


def _names(joined: Sequence[tuple[str, Endpoint]]) -> Iterator[str]:
    for network, endpoint in joined:
        yield from _names_of(network, endpoint.network_id, tuple(endpoint.names), tuple(endpoint.addresses))


@functools.lru_cache(maxsize=2048)  # most are the same from one change to the next
def _names_of(network: str, network_id: str, names: tuple[str, ...], addresses: tuple[str, ...]) -> list[str]:
    plain = [name for name in names if _plain(name)]
    if not plain:
        return []
    full = f"{plain[0]}.{network}" if _plain(network) else plain[0]
    lines = []
    for address in addresses:
        lines += [f"name {network_id} {name} {address}" for name in dict.fromkeys(name.lower() for name in plain)]
        lines.append(f"address {network_id} {address} {full}")
    return lines


def _containers(facts: Facts) -> Iterator[str]:
    places: dict[str, list[Endpoint]] = {}
    for _, endpoint in facts.joined:
        places.setdefault(endpoint.container_id, []).append(endpoint)
    for container_id, endpoints in places.items():
        asking = [endpoint for endpoint in endpoints if endpoint.asking]
        if not asking:
            continue
        named = [endpoint for endpoint in endpoints if endpoint.names]
        networks = ",".join(endpoint.network_id for endpoint in named) or "-"
        forward = any(endpoint.leads_out for endpoint in endpoints)
        asked = next((endpoint.servers for endpoint in asking if endpoint.servers), None)
        servers = [f"@{each}" for each in asked] if asked else list(facts.servers)
        ndots = any(endpoint.ndots for endpoint in asking)
        yield f"container {container_id} {networks} {forward:d} {ndots:d} {','.join(servers) or '-'}"
        for endpoint in named:
            for link in endpoint.links:
                target, _, alias = link.partition(":")
                if _plain(target) and _plain(alias or target):
                    yield f"link {container_id} {endpoint.network_id} {(alias or target).lower()} {target.lower()}"


def _plain(name: str) -> bool:
    return bool(name) and not any(character.isspace() for character in name)
