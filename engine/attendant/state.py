"""What the attendant knows, as text and as tables. Pure; the engine writes the text, the attendant reads it.

A line is a fact, its fields divided by spaces, "-" for an empty one:

    network ID NAME
    name NETWORK NAME ADDRESS              a name of a container, in lower case; several lines for several addresses
    address NETWORK ADDRESS NAME           whose address it is, as PTR answers it
    container ID NETWORKS FORWARD NDOTS SERVERS
                                           its networks in the order in which they are asked, divided by commas; 1 when
                                           other names are asked outside; 1 when somebody chose ndots; the servers that
                                           are asked, those of the container's own namespace with a @ in front
    link CONTAINER NETWORK ALIAS NAME      a name that one container has for another
    relay KEY ADDRESS PORT                 where what comes to a socket is led
"""

from __future__ import annotations

Addresses = list[str]


class State:
    """The tables made from a text."""

    def __init__(self, text: str = "") -> None:
        self.networks: dict[str, str] = {}
        self.names: dict[str, dict[str, Addresses]] = {}
        self.owners: dict[str, dict[str, str]] = {}
        self.containers: dict[str, Known] = {}
        self.relays: dict[str, tuple[str, int]] = {}
        for line in text.split("\n"):
            fields = ["" if field == "-" else field for field in line.split(" ")]
            match fields:
                case ["network", network, name]:
                    self.networks[network] = name
                case ["name", network, name, address]:
                    self.names.setdefault(network, {}).setdefault(name, []).append(address)
                case ["address", network, address, name]:
                    self.owners.setdefault(network, {})[address] = name
                case ["container", key, networks, forward, ndots, servers]:
                    asked = [each for each in servers.split(",") if each]
                    order = [each for each in networks.split(",") if each]
                    self.containers[key] = Known(order, forward == "1", ndots == "1", asked)
                case ["link", key, network, alias, name]:
                    self.containers[key].links.setdefault(network, {})[alias] = name
                case ["relay", key, address, port]:
                    self.relays[key] = (address, int(port))
                case _:
                    pass

    def find(self, container: str, name: str) -> Addresses | None:
        """Return the addresses of a name, of both kinds, as one container sees it; None when nobody has the name.

        A name with dots is looked for as it is, then as a name in a network: web.lan is web in the network lan.
        """
        known = self.containers[container]
        name = name.removesuffix(".").lower()
        wanted = [(name, "")]
        place = name.rfind(".")
        while place >= 0:
            wanted.append((name[:place], name[place + 1 :]))
            place = name.rfind(".", 0, place)
        for short, network_name in wanted:
            for network in known.networks:
                if network_name and network_name != self.networks.get(network, "").lower():
                    continue
                target = known.links.get(network, {}).get(short, short)
                found = self.names.get(network, {}).get(target)
                if found:
                    return found
        return None

    def owner(self, container: str, address: str) -> str | None:
        """Return the full name of who has an address in one of a container's networks."""
        for network in self.containers[container].networks:
            found = self.owners.get(network, {}).get(address)
            if found:
                return found
        return None


class Known:
    """A container: the networks that are asked for names, and who is asked for others."""

    def __init__(self, networks: list[str], forward: bool, ndots: bool, servers: list[str]) -> None:
        self.networks = networks
        self.forward = forward
        self.ndots = ndots
        self.servers = servers
        self.links: dict[str, dict[str, str]] = {}
