"""What the name server of user-defined networks reads, and how it is asked."""

from __future__ import annotations

from engine.network import dns_config
from engine.network.dns_config import Entry


def test_a_file_has_a_line_for_each_container() -> None:
    entries = [Entry("aa", "10.0.0.2", ["Web", "www", "a b"], ["1.1.1.1", "9.9.9.9"]), Entry("bb", "10.0.0.3", ["db"])]
    text, mark = dns_config.text("lan", "10.0.0.1", entries)
    assert text.splitlines() == [
        "10.0.0.1",
        "aa 10.0.0.2  web.lan,web,www,www.lan 1.1.1.1,9.9.9.9",
        "bb 10.0.0.3  db.lan,db",
        f"gateway 10.0.0.1  {mark}",
    ]


def test_the_mark_tells_one_text_from_another() -> None:
    marks = {
        dns_config.text("lan", "10.0.0.1", [Entry("aa", address, ["db"])])[1] for address in ("10.0.0.2", "10.0.0.3")
    }
    assert len(marks) == 2


def test_a_question_and_its_answer() -> None:
    question = dns_config.query("web.lan")
    assert question[12:] == b"\x03web\x03lan\x00\x00\x01\x00\x01"
    assert not dns_config.is_answer(question)
    assert not dns_config.is_answer(b"")
    assert dns_config.is_answer(question[:2] + b"\x81\x80\x00\x01\x00\x01" + question[8:])
    assert not dns_config.is_answer(question[:2] + b"\x81\x83\x00\x01\x00\x00" + question[8:])
