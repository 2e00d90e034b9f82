"""Networks: which there are, and how a container is put into one and taken out again.

Three always exist: `bridge` (a bridge device with NAT, the default), `host` and `none`. Rows are in the state
database; what is on the machine (bridge, firewall table, namespaces) is looked at whenever a container is connected,
and made again when somebody removed it.

A start calls plan() in its transaction, then apply(), then connected() in the transaction that makes the container
run; an end calls tear_down() and, in its transaction, forget().
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from engine.errors import InvalidParameter, NoSuchNetwork
from engine.kept import Kept
from engine.network.record import BRIDGE, Endpoint, Network, NetworkDefinition, NetworkRequest
from engine.settings import DEFAULT_ROOT
from engine.state.codec import decode, encode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from engine import Engine
    from engine.containers.config import EndpointRequest
    from engine.network.connect import ContainerNetwork, Plan
    from engine.network.create import NewNetwork
    from engine.network.standing import Standing
    from engine.state.database import Transaction

__all__ = ["Endpoint", "Network", "NetworkRequest", "Networks"]

_HEX = "0123456789abcdef"


class AmbiguousNetwork(InvalidParameter):
    """A name that no network has, and that the ids of several begin with; in dockerd's words."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(f"network {name} is ambiguous ({count} matches found based on ID prefix)")
        self.name = name
        self.count = count


class Networks:
    """The networks of one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.database = engine.database
        self.settings = engine.settings
        self._standing: Standing | None = None

    def resolve(self, name: str) -> Network:
        """Return the network with this name, id or unambiguous id prefix. Raises NoSuchNetwork, AmbiguousNetwork."""
        row = self._row(name)
        if row is None:
            self.ensure_built_in()
            row = self._row(name)
        if row is not None:
            return _network(row)
        if name.strip(_HEX):  # what might be a pattern itself begins no id
            raise NoSuchNetwork(name)
        found = self.database.rows("SELECT * FROM networks WHERE id GLOB ?", (f"{name}*",))
        if len(found) > 1:
            raise AmbiguousNetwork(name, len(found))
        if not found:
            raise NoSuchNetwork(name)
        return _network(found[0])

    def find(self, name: str) -> Network | None:
        """Return what resolve does, or None."""
        try:
            return self.resolve(name)
        except (NoSuchNetwork, AmbiguousNetwork):
            return None

    def _row(self, name: str) -> sqlite3.Row | None:
        """Return the row of the network with this name or id."""
        return self.database.row("SELECT * FROM networks WHERE id = ?1 OR name = ?1 ORDER BY id = ?1 DESC", (name,))

    def select(self, filters: dict[str, list[str]]) -> Sequence[Network]:
        """Return the networks that filters name, the oldest first. Raises as engine.network.listing.select."""
        from engine.network.listing import select

        asked = self.database.rows("SELECT DISTINCT network_id FROM endpoints") if "dangling" in filters else ()
        used = {row["network_id"] for row in asked}
        return select(sorted(self.list(), key=lambda each: each.created), used, filters)

    def endpoints(self, network_id: str) -> list[tuple[str, Endpoint]]:
        """Return (container name, endpoint) of the containers that are in a network now."""
        rows = self.database.rows(
            "SELECT containers.name AS name, endpoints.definition AS definition FROM endpoints "
            "JOIN containers ON containers.id = container_id WHERE network_id = ? ORDER BY endpoints.rowid",
            (network_id,),
        )
        return [(row["name"], decode(Endpoint, row["definition"])) for row in rows]

    def create(self, request: NewNetwork) -> Network:
        """Make a network; see engine.network.create."""
        from engine.network.create import create

        return create(self, request)

    def remove(self, name: str) -> None:
        """Remove a network; see engine.network.remove."""
        from engine.network.remove import remove

        remove(self, name)

    def prune(self, filters: dict[str, list[str]]) -> Sequence[str]:
        """Remove the networks that no container is in; see engine.network.remove."""
        from engine.network.remove import prune

        return prune(self, filters)

    def ready(self, request: NetworkRequest) -> None:
        """Make the default network's bridge for a container that is to be in it, at a subnet that nobody else uses.

        Due before a plan; does nothing when it is there. Raises NoFreeSubnet, NetlinkFailed and OSError.
        """
        self.ensure_built_in()
        if request.donor is not None or BRIDGE not in request.networks:
            return
        from engine.network.netlink import index_of

        if index_of(f"skiff{self.suffix or 0}") is None:
            from engine.network.machine import make_default

            make_default(self)

    def plan(self, tx: Transaction, container_id: str, request: NetworkRequest) -> Plan:
        """Claim addresses and ports for a container that starts; see engine.network.connect."""
        from engine.network.connect import plan

        return plan(self, tx, container_id, request)

    def apply(self, plan: Plan) -> ContainerNetwork:
        """Make what was planned on the machine."""
        from engine.network.connect import apply

        return apply(self, plan)

    def connected(self, tx: Transaction, plan: Plan) -> None:
        """Record that a container is connected, as its start does."""
        for network, endpoint in plan.endpoints:
            _event(tx, "connect", network, endpoint.container_id)

    def tear_down(self, container_id: str) -> None:
        """Take a container out of its networks on the machine; can be repeated."""
        from engine.network.take_down import tear_down

        tear_down(self, container_id)

    def reconcile(self) -> None:
        """Remove from the machine what belongs to no container, and mend what those that run stand on.

        Raises NetlinkFailed, FirewallFailed, FirewallMissing, AttendantFailed and OSError.
        """
        from engine.network.take_down import sweep

        sweep(self)
        found = self.database.rows("SELECT * FROM networks WHERE id IN (SELECT network_id FROM leases)")
        if found:
            from engine.network.machine import mend

            mend(self, [_network(row) for row in found])
        elif (self.settings.run_root / "attendant").exists():
            from engine.network.machine import attend

            attend(self)

    def is_disturbed(self) -> bool:
        """Tell whether what containers stand on was changed since this was last asked; reconcile is due then.

        Takes microseconds when nothing was. Asked from one thread.
        """
        if self._standing is None:
            from engine.network.standing import Standing

            self._standing = Standing(self)
        return self._standing.is_disturbed()

    def doubtful(self) -> list[str]:
        """Return, in words, what reconcile would mend: bridges, firewall table and attendant that are gone."""
        from engine.network.take_down import missing

        return missing(self)

    def check(self, endpoints: Mapping[str, EndpointRequest]) -> None:
        """Refuse settings that a container's endpoints, by network name or id, cannot have.

        Whether addresses fit a network that is not there yet is for the start to see. Raises InvalidEndpoint,
        InvalidMacAddress, or InvalidEndpoints for several.
        """
        from engine.network.endpoint_settings import InvalidEndpoints, check

        found: list[InvalidParameter] = []
        for name, wants in endpoints.items():
            try:
                check(name, self.find(name), wants)
            except InvalidParameter as error:
                found.append(error)
        if len(found) > 1:
            raise InvalidEndpoints(found)
        if found:
            raise found[0]

    def forget(self, tx: Transaction, container_id: str) -> None:
        """Give back what a container's plan claimed."""
        found = tx.execute(
            "SELECT networks.*, endpoints.id AS endpoint FROM endpoints JOIN networks ON networks.id = network_id "
            "WHERE container_id = ?",
            (container_id,),
        ).fetchall()
        for row in found:
            _event(tx, "disconnect", _network(row), container_id)
            tx.execute("DELETE FROM leases WHERE endpoint_id = ?", (row["endpoint"],))
        tx.execute("DELETE FROM ports WHERE container_id = ?", (container_id,))
        tx.execute("DELETE FROM endpoints WHERE container_id = ?", (container_id,))

    def list(self) -> list[Network]:
        """Return all networks, by name."""
        every = "SELECT * FROM networks ORDER BY name"
        found = self.database.rows(every)
        if all(row["name"] != BRIDGE for row in found):
            self.ensure_built_in()
            found = self.database.rows(every)
        return [_network(row) for row in found]

    @property
    def suffix(self) -> str:
        """What tells this engine's interfaces and table from those of engines with other folders."""
        if self.settings.root == DEFAULT_ROOT:
            return ""
        from engine.sha256 import sha256  # not on the way of the default engine

        return sha256(os.fsencode(self.settings.root.absolute())).hexdigest()[:6]

    @property
    def local_pool6(self) -> str:
        """The IPv6 addresses that this engine chooses from: of this machine's own (RFC 4193), the same after a boot."""
        import socket

        from engine.network.ipam import local_pool6

        try:
            with open("/etc/machine-id", "rb") as file:
                machine = file.read().strip()
        except OSError:
            machine = b""
        return local_pool6((machine or socket.gethostname().encode()) + self.suffix.encode())

    @property
    def table(self) -> str:
        """The name of this engine's nftables table."""
        return f"skiff_{self.suffix}" if self.suffix else "skiff"

    def ensure_built_in(self) -> None:
        """Make the rows of the networks that always exist."""
        if self.database.row("SELECT 1 FROM networks WHERE name = ?", (BRIDGE,)) is not None:
            return
        from engine.network import built_in

        with self.database.transaction() as tx:
            if tx.execute("SELECT 1 FROM networks WHERE name = ?", (BRIDGE,)).fetchone() is None:
                for name, definition in built_in.definitions(f"skiff{self.suffix or 0}").items():
                    tx.execute(
                        "INSERT INTO networks VALUES (?, ?, ?, ?)",
                        (os.urandom(32).hex(), name, time.time_ns(), encode(definition)),
                    )


_kept: Kept[Network] = Kept(1024)


def _network(row: sqlite3.Row) -> Network:
    """Return the record of a row of the table networks; a verb asks for the same one several times."""
    sources = (row["id"], row["name"], row["created"], row["definition"])
    return _kept.of(row["id"], sources, lambda: Network(*sources[:3], decode(NetworkDefinition, sources[3])))


def _event(tx: Transaction, action: str, network: Network, container_id: str) -> None:
    attributes = {"container": container_id, "name": network.name, "type": network.driver}
    tx.event("network", action, network.id, attributes)
