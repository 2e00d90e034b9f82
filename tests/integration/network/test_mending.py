"""What somebody changed is mended by the next container, what a kill left is taken away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import Engine, Settings
from engine.network import nftables, sandbox
from engine.network.port_errors import PortAllocated, PortInUse
from engine.network.sandbox import namespace_path
from tests.harness import leftovers
from tests.harness.boxes import Box, MakeBox, end_engine, make_engine

PROJECT = Path(__file__).resolve().parents[3]
KILLS = 12


def answers(made: Box, server: socket.socket) -> bool:
    """Tell whether a published port leads to its container."""
    with socket.socket() as client:
        client.settimeout(1)
        try:
            client.connect(("127.0.0.1", made.host_port("80/tcp")))
        except OSError:
            return False
        accepted, _ = server.accept()
        accepted.close()
        return True


def left(engine: Engine) -> dict[str, list[str]]:
    """Return what there is of containers on the machine."""
    settings = engine.settings
    ids = {row["id"] for row in engine.database.rows("SELECT id FROM containers")}
    found = {
        "namespaces": leftovers.namespaces(settings.run_root),
        "ports": leftovers.published(settings.root, settings.run_root),
        "rows": [
            str(tuple(row))
            for table in ("endpoints", "leases", "ports")
            for row in engine.database.rows(f"SELECT * FROM {table}")
        ],
        "interfaces": leftovers.interfaces(ids),
    }
    return {kind: lines for kind, lines in found.items() if lines}


def wait_for_the_kernel(engine: Engine) -> None:
    """Wait until interfaces whose namespace has been let go of are gone; the kernel tells of each."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as news:
        news.bind((0, 1))  # RTMGRP_LINK
        news.settimeout(10)
        while left(engine).keys() == {"interfaces"}:
            news.recv(65536)


Change = Callable[[str], object]
CHANGES: dict[str, Change] = {
    "the table": lambda table: nftables.run(f"delete table inet {table}"),
    "all rules": lambda table: nftables.run(f"flush table inet {table}"),
    "a chain's rules": lambda table: nftables.run(f"flush chain inet {table} prerouting"),
    "the output chain's rules": lambda table: nftables.run(f"flush chain inet {table} output"),
    "the ports": lambda table: nftables.run(f"flush map inet {table} any"),
    "the bridges": lambda table: nftables.run(f"flush set inet {table} bridges"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_firewall_is_as_it_was_when_the_next_container_is_there(
    engine: Engine, box: MakeBox, change: Change
) -> None:
    made = box().publish(":80/tcp")
    server = made.serve(80)
    assert answers(made, server)
    before = nftables.run(f"list table inet {engine.networks.table}")
    change(engine.networks.table)
    another = box().connect()
    assert nftables.run(f"list table inet {engine.networks.table}") == before
    assert answers(made, server)
    another.disconnect()
    assert answers(made, server)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_firewall_is_mended_without_a_new_container(engine: Engine, box: MakeBox, change: Change) -> None:
    made = box().publish(":80/tcp")
    before = nftables.run(f"list table inet {engine.networks.table}")
    change(engine.networks.table)
    with engine.database.transaction() as tx:
        tx.execute("UPDATE containers SET status = 'running' WHERE id = ?", (made.id,))
    engine.networks.reconcile()
    assert nftables.run(f"list table inet {engine.networks.table}") == before


def test_a_change_between_two_of_ours_is_noticed(engine: Engine, box: MakeBox) -> None:
    made, passing = box().publish(":80/tcp"), box().publish(":80/tcp")
    server = made.serve(80)
    nftables.run(f"flush chain inet {engine.networks.table} output")
    passing.disconnect()  # changes the table, too, but must not take it for whole
    box().connect()
    assert answers(made, server)


def test_taking_down_can_be_repeated_and_leaves_nothing(engine: Engine, box: MakeBox) -> None:
    made = box().publish(":80/tcp", "127.0.0.1::53/udp")
    assert set(left(engine)) == {"namespaces", "ports", "rows", "interfaces"}
    made.disconnect()
    made.disconnect()
    wait_for_the_kernel(engine)
    assert left(engine) == {}


def test_the_same_container_can_be_connected_again_at_once(engine: Engine, box: MakeBox) -> None:
    made = box().publish(":80/tcp")
    for _ in range(5):
        made.disconnect()
        made.publish(":80/tcp")
        assert answers(made, made.serve(80))


def test_what_a_plan_without_its_end_claimed_is_given_back(engine: Engine, box: MakeBox) -> None:
    made = box().publish(":80/tcp")
    port, address = made.host_port("80/tcp"), made.address
    path = namespace_path(engine.settings, made.id)
    made.let_go()
    sandbox.remove(path)
    path.touch()  # what is there between the file and the mount
    made.disconnect()
    again = box().publish(f":{port}:80/tcp")
    assert again.address == address
    assert answers(again, again.serve(80))


def test_what_belongs_to_no_container_is_swept_away(engine: Engine, box: MakeBox) -> None:
    made, living = box().publish(":80/tcp"), box().publish(":80/tcp")
    with engine.database.transaction() as tx:
        tx.execute("UPDATE containers SET status = 'running' WHERE id = ?", (living.id,))
        tx.execute("DELETE FROM containers WHERE id = ?", (made.id,))
    made.let_go()
    bridge = engine.networks.resolve("bridge").definition.bridge
    subprocess.run(
        ["ip", "link", "add", "vethmine", "master", bridge, "type", "veth", "peer", "name", "vethpeer"], check=True
    )
    engine.networks.reconcile()
    assert Path("/sys/class/net/vethmine").exists(), "somebody else's"
    subprocess.run(["ip", "link", "delete", "vethmine"], check=True)
    server = living.serve(80)
    assert answers(living, server)
    assert leftovers.namespaces(engine.settings.run_root) == [living.namespace]
    assert len(leftovers.published(engine.settings.root, engine.settings.run_root)) == 1
    assert [row["endpoint_id"] for row in engine.database.rows("SELECT * FROM leases")] == [
        living.joined.state.endpoints["bridge"].endpoint_id
    ]


LOOP = """
import sys
from pathlib import Path
from engine import Engine, Settings
from tests.harness.boxes import Box
engine = Engine(Settings(root=Path(sys.argv[1]), run_root=Path(sys.argv[2])))
made = Box(engine, sys.argv[3])
print("ready", flush=True)
while True:
    made.publish(":80/tcp", ":53/udp")
    made.disconnect()
"""


def test_a_kill_at_any_moment_leaves_what_the_next_call_takes_away(engine: Engine, box: MakeBox) -> None:
    living = box().publish(":80/tcp")
    server = living.serve(80)
    with engine.database.transaction() as tx:
        tx.execute("UPDATE containers SET status = 'running' WHERE id = ?", (living.id,))
    for number in range(KILLS):
        killed_id = os.urandom(32).hex()
        arguments = [str(engine.settings.root), str(engine.settings.run_root), killed_id]
        process = subprocess.Popen(
            [sys.executable, "-c", LOOP, *arguments], cwd=PROJECT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01 + 0.0037 * number)  # a moment that is another one each time
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        engine.networks.tear_down(killed_id)
        with engine.database.transaction() as tx:
            engine.networks.forget(tx, killed_id)
        next_one = box().publish(":80/tcp")
        assert answers(next_one, next_one.serve(80)), f"after kill {number}"
        next_one.disconnect()
        assert answers(living, server)
    living.disconnect()
    engine.networks.reconcile()
    wait_for_the_kernel(engine)
    assert left(engine) == {}


def test_a_port_is_one_containers_or_one_processs(box: MakeBox) -> None:
    made = box().publish(":80/tcp")
    port = made.host_port("80/tcp")
    for wanted in (f":{port}:80/tcp", f"127.0.0.1:{port}:80/tcp"):
        with pytest.raises(PortAllocated):
            box().publish(wanted)
    box().publish(f":{port}:80/udp")
    with pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(("127.0.0.1", port))
    with pytest.raises(OSError, match="in use"), socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", port))
    made.disconnect()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortInUse):
        box().publish(f":{port}:80/tcp")
    box().publish(f":{port}:80/tcp")


def test_two_engines_live_side_by_side(engine: Engine, box: MakeBox, tmp_path: Path) -> None:
    other = make_engine(tmp_path / "other")
    try:
        mine, theirs = box().publish(":80/tcp"), Box(other).publish(":80/tcp")
        assert engine.networks.table != other.networks.table
        server = mine.serve(80)
        assert answers(mine, server)
        assert answers(theirs, theirs.serve(80))
        subnets = [each.networks.resolve("bridge").definition.subnets[0].subnet for each in (engine, other)]
        assert subnets[0] != subnets[1]
        theirs.disconnect()
        assert answers(mine, server)
    finally:
        end_engine(other)


def test_an_engine_gives_way_to_a_subnet_that_came_before_its_bridge(engine: Engine, tmp_path: Path) -> None:
    other = make_engine(tmp_path / "other")
    try:
        subnets = [each.networks.resolve("bridge").definition.subnets[0].subnet for each in (engine, other)]
        assert subnets[0] == subnets[1], "neither has made its bridge yet"
        first, second = Box(engine).connect(), Box(other).connect()
        assert first.joined.state.endpoints["bridge"].gateway != second.joined.state.endpoints["bridge"].gateway
        assert other.networks.resolve("bridge").definition.subnets[0].subnet != subnets[1]
        first.let_go()
        second.let_go()
    finally:
        end_engine(other)


def test_many_at_once_get_addresses_and_ports_of_their_own(engine: Engine, box: MakeBox) -> None:
    boxes = [box() for _ in range(16)]
    failures: list[BaseException] = []

    def connect(made: Box) -> None:
        try:
            made.publish(":80/tcp")
        except BaseException as error:
            failures.append(error)
        finally:
            engine.database.close()

    threads = [threading.Thread(target=connect, args=(made,)) for made in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len({made.address for made in boxes}) == len({made.host_port("80/tcp") for made in boxes}) == len(boxes)
    assert all(answers(made, made.serve(80)) for made in boxes)


def test_what_is_missing_is_told_and_mended(engine: Engine, box: MakeBox) -> None:
    made = box().publish(":80/tcp")
    with engine.database.transaction() as tx:
        tx.execute("UPDATE containers SET status = 'running' WHERE id = ?", (made.id,))
    assert engine.networks.doubtful() == []
    bridge = engine.networks.resolve("bridge").definition.bridge
    nftables.run(f"delete table inet {engine.networks.table}")
    subprocess.run(["ip", "link", "delete", bridge], check=True)
    leftovers.end_attendant(engine.settings.run_root)
    assert engine.networks.doubtful() == [
        f"network bridge: its bridge {bridge} is gone",
        f"the firewall's table {engine.networks.table} is gone: published ports lead nowhere",
        "nothing answers containers' questions for names and relays their IPv6 ports",
    ]
    engine.networks.reconcile()
    assert engine.networks.doubtful() == []
    assert answers(made, made.serve(80))


def test_two_engines_that_make_networks_at_once_choose_other_subnets(engine: Engine, tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from engine import Engine, Settings
from engine.network.create import NewNetwork
engine = Engine(Settings(root=Path(sys.argv[1]) / "root", run_root=Path(sys.argv[1]) / "run"))
sys.stdin.readline()
for number in range(3):
    print(engine.networks.create(NewNetwork(f"n{number}", enable_ipv6=True)).definition.subnets[0].subnet, flush=True)
"""
    homes = [tmp_path / str(number) for number in range(3)]
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(home)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for home in homes
    ]
    try:
        for maker in makers:
            assert maker.stdin is not None
            maker.stdin.write("go\n")
            maker.stdin.flush()
        chosen = [line for maker in makers for line in maker.communicate()[0].split()]
        assert len(chosen) == len(set(chosen)) == 9
    finally:
        for home in homes:
            end_engine(Engine(Settings(root=home / "root", run_root=home / "run")))
