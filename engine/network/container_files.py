"""The name files of a container: /etc/hosts, hostname and resolv.conf, written at each start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.network import names
from engine.network.name_files import NameFiles, write

if TYPE_CHECKING:
    from engine.network.connect import ContainerNetwork
    from engine.network.record import NetworkRequest


def write_for(network: ContainerNetwork, folder: Path) -> NameFiles:
    """Write the files into a container's folder; one that shares another's network shares its files.

    Raises OSError.
    """
    plan = network.plan
    request = plan.request
    if request.donor is not None:
        theirs = request.donor.files
        return NameFiles(str(theirs / "hosts"), str(theirs / "hostname"), str(theirs / "resolv.conf"))
    on_host = plan.on_host
    path, text = names.choose_resolv_conf(read, direct=not on_host)
    gateways = [network.host_gateway] if network.host_gateway else []
    ipv6 = Path("/proc/sys/net/ipv6").exists()
    if on_host:
        hosts = names.host_network_hosts_text(
            read("/etc/hosts") or "", extra_hosts=request.extra_hosts, host_gateways=gateways, ipv6=ipv6
        )
    else:
        hosts = names.hosts_text(
            hostname=request.hostname,
            domainname=request.domainname,
            addresses=[each for _, endpoint in plan.endpoints for each in endpoint.addresses],
            extra_hosts=request.extra_hosts,
            host_gateways=gateways,
            ipv6=ipv6,
        )
    if any(endpoint.names for _, endpoint in plan.endpoints):
        resolv_conf = internal_resolv_conf(request)
        return write(folder, hosts, names.hostname_text(request.hostname), resolv_conf)
    resolv_conf = names.resolv_conf_text(
        path,
        text,
        dns=request.dns,
        dns_search=request.dns_search,
        dns_options=request.dns_options,
        ipv6=any(endpoint.ipv6_address for _, endpoint in plan.endpoints),
        host_network=on_host,
    )
    return write(folder, hosts, names.hostname_text(request.hostname), resolv_conf)


def internal_resolv_conf(request: NetworkRequest) -> str:
    """Return /etc/resolv.conf of a container whose network has a name server."""
    path, text = names.choose_resolv_conf(read)
    return names.internal_resolv_conf_text(
        path, text, dns=request.dns, dns_search=request.dns_search, dns_options=request.dns_options
    )


def read(path: str) -> str | None:
    """Return a file's text; None when it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
