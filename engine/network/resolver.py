"""127.0.0.11 inside a container: what is sent there goes to the name server at a network's gateway.

A small firewall table of the container's own namespace leads the packets on. Called in a thread that is inside.
"""

from __future__ import annotations

from pathlib import Path

from engine.network import nftables
from engine.network.dns import PORT

ADDRESS = "127.0.0.11"
TABLE = "skiff_resolver"


def rules(gateway: str, interface: str) -> str:
    """Return commands that lead questions to a gateway, over an interface, whatever they did before."""
    return f"""add table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
    # With route_localnet others on the network could otherwise reach what listens on the loopback interface only.
    chain raw {{
        type filter hook prerouting priority raw; policy accept;
        iifname != "lo" ip daddr 127.0.0.0/8 drop
    }}
    chain output {{
        type nat hook output priority -100; policy accept;
        ip daddr {ADDRESS} udp dport 53 dnat to {gateway}:{PORT}
        ip daddr {ADDRESS} tcp dport 53 dnat to {gateway}:{PORT}
    }}
    chain postrouting {{
        type nat hook postrouting priority 100; policy accept;
        oifname "{interface}" ip saddr 127.0.0.0/8 masquerade
    }}
}}"""


def lead(gateway: str, interface: str) -> None:
    """Lead questions to a gateway. Raises FirewallFailed, FirewallMissing and OSError."""
    nftables.run_here(rules(gateway, interface))
    Path(f"/proc/sys/net/ipv4/conf/{interface}/route_localnet").write_text("1")


def end() -> None:
    """Lead questions nowhere any more. Raises FirewallFailed and FirewallMissing."""
    nftables.run_here(f"add table ip {TABLE}\ndelete table ip {TABLE}")
