"""Internet addresses as text: told apart and written in the one form that dockerd writes. Pure."""

from __future__ import annotations

import socket


def canonical(text: str) -> str | None:
    """Return an address in its shortest form, lower case and with its zone; None when the text is no address.

    An IPv4 address inside IPv6 stays what it is (::ffff:1.2.3.4). Leading zeros and spaces are not taken.
    """
    if ":" not in text:
        return text if _packed(socket.AF_INET, text) is not None else None
    address, percent, zone = text.partition("%")
    packed = _packed(socket.AF_INET6, address)
    if packed is None or (percent and not zone):
        return None
    return f"{_ipv6_text(packed)}{percent}{zone}"


def host_address(text: str) -> str:
    """Return the address that a port is published on; empty, which is every address, when the text is none.

    An IPv4 address inside IPv6 is the IPv4 address; one with a zone is no host address.
    """
    found = canonical(text)
    if found is None or "%" in found:
        return ""
    mapped = found.removeprefix("::ffff:")
    return mapped if "." in mapped and ":" not in mapped else found


def is_ipv6(address: str) -> bool:
    """Tell whether an address is an IPv6 one, an IPv4 address inside IPv6 included."""
    return ":" in address


def is_loopback(address: str) -> bool:
    """Tell whether an address, in its canonical form, leads to the machine itself."""
    plain = address.partition("%")[0].removeprefix("::ffff:")
    return plain == "::1" or (plain.startswith("127.") and ":" not in plain)


def is_multicast(address: str) -> bool:
    """Tell whether an IPv6 address is that of a group."""
    return is_ipv6(address) and packed(address)[0] == 0xFF


def packed(address: str) -> bytes:
    """Return an address as its 4 or 16 bytes. Raises OSError when the text is none."""
    return socket.inet_pton(socket.AF_INET6 if is_ipv6(address) else socket.AF_INET, address)


def unpacked(address: bytes) -> str:
    """Return the canonical text of an address of 4 or 16 bytes."""
    return socket.inet_ntop(socket.AF_INET, address) if len(address) == 4 else _ipv6_text(address)


def sort_key(address: str) -> tuple[int, bytes]:
    """Order host addresses: none, then IPv4, then IPv6."""
    if not address:
        return 0, b""
    if is_ipv6(address):
        return 128, socket.inet_pton(socket.AF_INET6, address)
    return 32, socket.inet_pton(socket.AF_INET, address)


def _packed(family: int, text: str) -> bytes | None:
    try:
        return socket.inet_pton(family, text)
    except (OSError, ValueError):
        return None


def _ipv6_text(packed: bytes) -> str:
    if not any(packed[:12]) and any(packed[12:14]):  # the C library writes these with an IPv4 address at their end
        return f"::{int.from_bytes(packed[12:14], 'big'):x}:{int.from_bytes(packed[14:], 'big'):x}"
    return socket.inet_ntop(socket.AF_INET6, packed)
