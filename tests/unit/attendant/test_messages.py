"""DNS messages: questions read, answers made, and what is no question."""

from __future__ import annotations

import socket

import pytest

from engine.attendant import messages
from engine.attendant.messages import AAAA, PTR, A, Question, address_of, answer, failed

HEAD = bytes.fromhex("abcd 0100 0001 0000 0000 0000")
WEB = b"\x03Web\x03lan\0"


def question(name: bytes = WEB, kind: int = A, head: bytes = HEAD, after: bytes = b"") -> bytes:
    return head + name + kind.to_bytes(2, "big") + b"\0\1" + after


def test_a_question_is_read() -> None:
    found = Question(question(kind=AAAA))
    assert (found.id, found.name, found.kind, found.size) == (0xABCD, "Web.lan", AAAA, 512)
    with_size = question(head=HEAD[:10] + b"\0\1", after=bytes.fromhex("00 0029 04d0 00000000 0000"))
    assert Question(with_size).size == 1232


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        HEAD,
        question(head=HEAD[:2] + b"\x81\x80" + HEAD[4:]),  # an answer
        question(head=HEAD[:4] + b"\0\2" + HEAD[6:]),  # two questions
        question(name=b"\xc0\x0c"),  # a pointer to itself
        question(name=b"\x20web"),  # a label that ends behind the packet
        question()[:-1],
    ],
)
def test_what_is_no_question(packet: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        Question(packet)


def test_an_answer_repeats_the_question_and_has_a_record_for_each_address() -> None:
    made = answer(Question(question()), [socket.inet_aton("10.0.0.2"), socket.inet_aton("10.0.0.3")])
    assert made[:12] == bytes.fromhex("abcd 8180 0001 0002 0000 0000")
    assert made[12 : 12 + len(WEB)] == WEB
    assert made.endswith(bytes.fromhex("c00c 0001 0001 00000258 0004 0a000003"))


def test_what_does_not_fit_is_left_out_and_said() -> None:
    asked = Question(question())
    made = answer(asked, [bytes(4)] * 100, most=asked.size)
    assert len(made) <= 512
    assert messages.number(made, 2) & messages.TRUNCATED
    assert messages.number(made, 6) == (512 - 12 - len(asked.text)) // 16
    assert not messages.number(answer(asked, [bytes(4)] * 100), 2) & messages.TRUNCATED


def test_addresses_are_read_from_names() -> None:
    assert address_of("9.15.19.198.in-addr.arpa") == socket.inet_aton("198.19.15.9")
    name = ".".join(reversed("20010db8003000000000000000000099")) + ".ip6.arpa."
    assert address_of(name) == socket.inet_pton(socket.AF_INET6, "2001:db8:30::99")
    for other in ("web", "300.1.1.1.in-addr.arpa", "1.1.1.in-addr.arpa", "x.1.1.1.in-addr.arpa", "1.ip6.arpa"):
        assert address_of(other) is None


def test_failures_are_told_from_other_answers() -> None:
    asked = Question(question(kind=PTR))
    assert failed(answer(asked, code=messages.SERVER_FAILURE))
    assert failed(answer(asked, code=messages.REFUSED))
    assert failed(b"short")
    assert not failed(answer(asked, code=3))  # NXDOMAIN is an answer
