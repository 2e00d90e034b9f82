"""Which HTTP proxy a URL is fetched through, by the variables that Go programs heed (ProxyFromEnvironment). Pure."""

from __future__ import annotations

import ipaddress
import urllib.parse
from collections.abc import Mapping


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """Return the proxy's URL, None for a direct connection; this machine's loopback is always reached directly."""
    parts = urllib.parse.urlsplit(url)
    name = "https_proxy" if parts.scheme == "https" else "http_proxy"
    proxy = environment.get(name.upper()) or environment.get(name)
    host = (parts.hostname or "").lower().rstrip(".")
    if not proxy or not host or _is_loopback(host):
        return None
    excluded = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if any(_excludes(each.strip().lower(), host, port) for each in excluded.split(",")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _excludes(rule: str, host: str, port: int) -> bool:
    """Whether a member of NO_PROXY stands for a host: *, an address, a network, a domain, each maybe with a port."""
    if not rule:
        return False
    if rule == "*":
        return True
    address = _address(host)
    if "/" in rule:
        try:
            return address is not None and address in ipaddress.ip_network(rule, strict=False)
        except ValueError:
            return False
    wanted = rule
    if _address(rule) is None:
        try:
            parts = urllib.parse.urlsplit(f"//{rule}")
            if parts.port is not None and parts.port != port:
                return False
        except ValueError:
            return False
        wanted = parts.hostname or rule
    if address is not None:
        return _address(wanted) == address
    if wanted.startswith("*."):
        wanted = wanted[1:]
    return host.endswith(wanted) if wanted.startswith(".") else host == wanted or host.endswith(f".{wanted}")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
