"""What cannot be tried on a machine that others use, too: in a network namespace that stands for a whole one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.network import sandbox
from tests.harness import leftovers

PROJECT = Path(__file__).resolve().parents[3]

START = """
import json, socket, subprocess, sys
from pathlib import Path
from engine import Engine, Settings
from engine.network import nftables
from tests.harness.boxes import Box
from tests.integration.network.test_mending import answers
engine = Engine(Settings(root=Path(sys.argv[1]), run_root=Path(sys.argv[2])))
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
made = Box(engine)
"""


def on_its_own(home: Path, program: str) -> Any:
    """Run a program in a new network namespace; returns what it prints as JSON."""
    arguments = [str(home / "root"), str(home / "run")]
    try:
        done = subprocess.run(
            ["unshare", "--net", sys.executable, "-c", START + program, *arguments],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            check=True,
        )
    finally:
        leftovers.end_attendant(home / "run")
        for path in leftovers.namespaces(home / "run"):
            sandbox.remove(Path(path))
    return json.loads(done.stdout)


def test_packets_are_forwarded_once_a_container_is_there(tmp_path: Path) -> None:
    program = """
forwarding = Path("/proc/sys/net/ipv4/ip_forward")
forwarding.write_text("0")
made.connect()
print(json.dumps(forwarding.read_text()))
made.disconnect()
"""
    assert on_its_own(tmp_path, program) == "1\n"


def test_a_flushed_ruleset_is_mended_and_others_are_left_alone(tmp_path: Path) -> None:
    program = """
made.publish(":80/tcp")
server = made.serve(80)
found = [answers(made, server)]
nftables.run("flush ruleset")
found.append(answers(made, server))
nftables.run("add table inet theirs; add chain inet theirs c; add rule inet theirs c counter")
another = Box(engine).connect()
found.append(answers(made, server))
found.append("counter" in nftables.run("list table inet theirs"))
made.disconnect()
another.disconnect()
print(json.dumps(found))
"""
    assert on_its_own(tmp_path, program) == [True, False, True, True]


def test_a_bridge_that_was_removed_comes_back_with_its_containers(tmp_path: Path) -> None:
    program = """
made.publish(":80/tcp")
server = made.serve(80)
bridge = engine.networks.resolve("bridge").definition.bridge
subprocess.run(["ip", "link", "delete", bridge], check=True)
found = [answers(made, server)]
Box(engine).connect()
found.append(answers(made, server))
print(json.dumps(found))
"""
    assert on_its_own(tmp_path, program) == [False, True]


def test_what_is_missing_of_a_bridge_comes_back(tmp_path: Path) -> None:
    program = """
made.publish(":80/tcp")
server = made.serve(80)
bridge = engine.networks.resolve("bridge").definition.bridge
gateway = made.joined.state.endpoints["bridge"].gateway
subprocess.run(["ip", "address", "del", f"{gateway}/16", "dev", bridge], check=True)
subprocess.run(["ip", "link", "set", bridge, "down"], check=True)
Path(f"/proc/sys/net/ipv4/conf/{bridge}/route_localnet").write_text("0")
found = [answers(made, server)]
Box(engine).connect()
found.append(answers(made, server))
print(json.dumps(found))
"""
    assert on_its_own(tmp_path, program) == [False, True]


def test_no_subnet_is_left(tmp_path: Path) -> None:
    program = """
for subnet in ("172.16.0.0/12", "192.168.0.0/16"):
    subprocess.run(["ip", "route", "add", subnet, "dev", "lo"], check=True)
try:
    made.connect()
except Exception as error:
    print(json.dumps(str(error)))
"""
    assert on_its_own(tmp_path, program) == "all predefined address pools have been fully subnetted"
