"""A short form of the fuzz of the wire; `make fuzz` runs it for an hour."""

from __future__ import annotations

import time
from pathlib import Path

from tests.fuzz.requests import Case, case
from tests.fuzz.wire import Campaign, exchange
from tests.harness.server import Server

SEED, CASES = 8, 450


def test_no_broken_request_breaks_the_server(tmp_path: Path) -> None:
    server = Server(tmp_path, "listen")
    server.start()
    try:
        exchange(server, Case([b"GET /containers/json HTTP/1.1\r\nHost: d\r\n\r\n"]))
        campaign = Campaign(server, SEED)
        before = campaign.sockets()
        campaign.run(range(CASES))
        assert campaign.sent == CASES
        patience = 200
        while campaign.sockets() > before + 10 and (patience := patience - 1):
            time.sleep(0.05)
        assert campaign.sockets() <= before + 10, "connections that have ended are held"
    finally:
        server.stop()


def test_a_case_is_the_same_each_time_it_is_made() -> None:
    assert case(1, 2) == case(1, 2) != case(1, 3)
    ends = {case(SEED, number).end for number in range(100)}
    assert ends == {"half-close", "close", "reset", "read"}
