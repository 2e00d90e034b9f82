"""The options of a bridge network, checked as dockerd checks them. Pure."""

from __future__ import annotations

import os

from engine.errors import EngineError, InvalidParameter
from engine.network.addresses import canonical
from engine.network.record import MTU_OPTION, OPTION, TRUE

FALSE = ("0", "f", "F", "FALSE", "false", "False")
TRUTHS = ("default_bridge", "enable_icc", "enable_ip_masquerade", "inhibit_ipv4")
GATEWAY_MODES = ("gateway_mode_ipv4", "gateway_mode_ipv6")
KNOWN_MODES = ("", "nat", "nat-unprotected", "routed", "isolated")
HOST_ADDRESSES = ("com.docker.network.host_ipv4", "com.docker.network.host_ipv6")
LONGEST_NAME = 15
SMALLEST_MTU, LARGEST_MTU = 68, 65535  # of what the kernel takes for a bridge


class InvalidNetworkOption(InvalidParameter):
    """An option with a value that it does not take; in dockerd's words."""

    def __init__(self, text: str) -> None:
        super().__init__(text)


class ImpossibleNetworkOption(EngineError):
    """An option with a value that only fails when the network is made; in dockerd's words, which are the kernel's."""

    def __init__(self, text: str) -> None:
        super().__init__(text)


class NotInternal(EngineError):
    """A network without a gateway of its own that is not internal; in dockerd's words."""

    def __init__(self) -> None:
        super().__init__("gateway mode 'isolated' can only be used for an internal network")


def check(options: dict[str, str], *, internal: bool = False) -> None:
    """Refuse what an option cannot be; one that nobody knows is kept and does nothing, as in dockerd.

    Raises InvalidNetworkOption, ImpossibleNetworkOption and NotInternal.
    """
    for option, value in sorted(options.items()):
        name = option.removeprefix(OPTION)
        if option == MTU_OPTION:
            check_mtu(option, value)
        elif option in HOST_ADDRESSES and canonical(value) is None:
            raise _unreadable(option, value, "nil ip")
        elif name == option:
            continue
        elif name in TRUTHS and value not in (*TRUE, *FALSE):
            raise _unreadable(option, value, f'strconv.ParseBool: parsing "{value}": invalid syntax')
        elif name == "host_binding_ipv4" and canonical(value) is None:
            raise _unreadable(option, value, "nil ip")
        elif name in GATEWAY_MODES and value not in KNOWN_MODES:
            raise _unreadable(option, value, f"unknown gateway mode {value}")
        elif name == "name":
            _check_name(value)
    if not internal and any(options.get(f"{OPTION}{name}") == "isolated" for name in GATEWAY_MODES):
        raise NotInternal
    mtu = int(options.get(MTU_OPTION, "0"))
    if mtu and not SMALLEST_MTU <= mtu <= LARGEST_MTU:
        raise ImpossibleNetworkOption("invalid argument")


def check_mtu(option: str, value: str) -> None:
    """Refuse what is no size of packets. Raises InvalidNetworkOption."""
    digits = value.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise _unreadable(option, value, f'strconv.Atoi: parsing "{value}": invalid syntax')
    if int(value) < 0:
        raise InvalidNetworkOption(f"invalid MTU number: {value}")


def _check_name(name: str) -> None:
    """Refuse what the kernel does not take for an interface's name."""
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise ImpossibleNetworkOption("numerical result out of range")
    if name in (".", "..") or any(character in "/:" or character.isspace() for character in name):
        raise ImpossibleNetworkOption("invalid argument")


def _unreadable(option: str, value: str, cause: str) -> InvalidNetworkOption:
    return InvalidNetworkOption(f"failed to parse {option} value: {value} ({cause})")
