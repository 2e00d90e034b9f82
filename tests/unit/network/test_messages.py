"""What is packed by hand for the kernel, held against the layouts of its headers and of iproute2's own messages."""

from __future__ import annotations

import struct

from engine.network import netlink, nfnetlink

NLMSG_ERROR = 2


def parse(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        assert size >= 4
        found.append((kind, data[at + 4 : at + size]))
        at += (size + 3) & ~3
    return found


def test_attributes_are_padded_and_tell_their_own_length() -> None:
    assert netlink.attribute(3, b"abc\0") == b"\x08\0\x03\0abc\0"
    assert netlink.attribute(3, b"ab\0") == b"\x07\0\x03\0ab\0\0"
    assert parse(netlink.attribute(1, b"x") + netlink.attribute(2, b"yz")) == [(1, b"x"), (2, b"yz")]


def test_a_pair_of_interfaces_says_where_each_end_goes() -> None:
    request = netlink.add_veth("veth0123", 7, "eth0", 9, bytes.fromhex("0242ac110002"), 1400)
    outer = dict(parse(request.body[16:]))
    assert outer[netlink.IFLA_IFNAME] == b"veth0123\0"
    assert struct.unpack("=I", outer[netlink.IFLA_MASTER]) == (7,)
    info = dict(parse(outer[netlink.IFLA_LINKINFO]))
    assert info[netlink.IFLA_INFO_KIND] == b"veth\0"
    peer = dict(parse(info[netlink.IFLA_INFO_DATA]))[netlink.VETH_INFO_PEER]
    inner = dict(parse(peer[16:]))
    assert inner[netlink.IFLA_IFNAME] == b"eth0\0"
    assert inner[netlink.IFLA_ADDRESS] == bytes.fromhex("0242ac110002")
    assert struct.unpack("=I", inner[netlink.IFLA_NET_NS_FD]) == (9,)
    assert struct.unpack("=I", inner[netlink.IFLA_MTU]) == struct.unpack("=I", outer[netlink.IFLA_MTU]) == (1400,)


def test_an_address_comes_with_its_subnets_broadcast_address() -> None:
    request = netlink.add_address(3, "172.17.0.2", 16)
    family, prefix, _, _, index = struct.unpack_from("=BBBBI", request.body)
    assert (family, prefix, index) == (2, 16, 3)
    assert dict(parse(request.body[8:])) == {
        netlink.IFA_LOCAL: bytes([172, 17, 0, 2]),
        netlink.IFA_ADDRESS: bytes([172, 17, 0, 2]),
        netlink.IFA_BROADCAST: bytes([172, 17, 255, 255]),
    }


def test_answers_of_the_packet_filter_are_split_and_read() -> None:
    content = struct.pack("!BBH", 0, 0, 0) + nfnetlink.attribute(1, b"\0\0\0\x2a") + nfnetlink.attribute(3, b"nft\0")
    good = struct.pack("=IHHII", 16 + len(content), 10 << 8 | 15, 0, 1, 0) + content
    bad = struct.pack("=IHHII", 36, NLMSG_ERROR, 0, 1, 0) + struct.pack("=i", -2) + bytes(16)
    (kind, first), (error, second) = nfnetlink.answers(good + bad)
    assert kind == 10 << 8 | 15
    assert nfnetlink.attributes(first) == {1: b"\0\0\0\x2a", 3: b"nft\0"}
    assert error == NLMSG_ERROR
    assert nfnetlink.error_number(second) == 2
