"""The options of a bridge network, checked as dockerd checks them. Pure."""

from __future__ import annotations

import os

from engine.errors import InvalidParameter, NotImplementedHere
from engine.network.addresses import canonical
from engine.network.record import MTU_OPTION, OPTION, TRUE

FALSE = ("0", "f", "F", "FALSE", "false", "False")
TRUTHS = ("enable_icc", "enable_ip_masquerade")
GATEWAY_MODES = ("gateway_mode_ipv4", "gateway_mode_ipv6")
KNOWN_MODES = ("", "nat", "nat-unprotected", "routed", "isolated")
UNSUPPORTED = ("inhibit_ipv4", "trusted_host_interfaces")
LONGEST_NAME = 15


class InvalidNetworkOption(InvalidParameter):
    """An option with a value that it does not take; in dockerd's words."""

    def __init__(self, text: str) -> None:
        super().__init__(text)


class UnsupportedNetworkOption(NotImplementedHere):
    """An option that dockerd has and this engine has not."""

    def __init__(self, option: str, value: str) -> None:
        super().__init__(f"the network option {option}={value} is not supported")
        self.option = option
        self.value = value


def check(options: dict[str, str]) -> None:
    """Refuse what an option cannot be; one that nobody knows is kept and does nothing, as in dockerd.

    Raises InvalidNetworkOption and UnsupportedNetworkOption.
    """
    for option, value in sorted(options.items()):
        name = option.removeprefix(OPTION)
        if option == MTU_OPTION:
            _check_mtu(option, value)
        elif name == option:
            continue
        elif name in TRUTHS and value not in (*TRUE, *FALSE):
            raise _unreadable(option, value, f'strconv.ParseBool: parsing "{value}": invalid syntax')
        elif name == "host_binding_ipv4" and canonical(value) is None:
            raise _unreadable(option, value, "nil ip")
        elif name in GATEWAY_MODES:
            if value not in KNOWN_MODES:
                raise _unreadable(option, value, f"unknown gateway mode {value}")
            if value not in ("", "nat"):
                raise UnsupportedNetworkOption(option, value)
        elif name == "name":
            _check_name(value)
        elif name in UNSUPPORTED and value not in ("", *FALSE):
            raise UnsupportedNetworkOption(option, value)


def _check_mtu(option: str, value: str) -> None:
    digits = value.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        raise _unreadable(option, value, f'strconv.Atoi: parsing "{value}": invalid syntax')
    if int(value) < 0:
        raise InvalidNetworkOption(f"invalid MTU number: {value}")


def _check_name(name: str) -> None:
    """Refuse what the kernel does not take for an interface's name."""
    if len(os.fsencode(name)) > LONGEST_NAME:
        raise InvalidNetworkOption("numerical result out of range")
    if name in (".", "..") or any(character in "/:" or character.isspace() for character in name):
        raise InvalidNetworkOption("invalid argument")


def _unreadable(option: str, value: str, cause: str) -> InvalidNetworkOption:
    return InvalidNetworkOption(f"failed to parse {option} value: {value} ({cause})")
