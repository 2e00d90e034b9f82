"""What the shapes give for records is compared with what dockerd 28.5 answered for the same containers."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from compat_api.shapes.containers import command_line, inspect, status_text, summary
from engine.containers.config import (
    ContainerConfig,
    Device,
    EndpointRequest,
    Healthcheck,
    HostConfig,
    LogConfig,
    MountPoint,
    MountRequest,
    PortBinding,
    RestartPolicy,
    ThrottleDevice,
    Ulimit,
)
from engine.containers.record import ConnectedEndpoint, Container, Definition, NetworkState, State
from engine.lean_dataclasses import replace

SECOND = 1_000_000_000
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def answer(name: str) -> Any:
    return json.loads((Path(__file__).parent / "dockerd" / f"{name}.json").read_text())


def nanoseconds(text: str) -> int:
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = datetime.fromisoformat(whole + "+00:00").timestamp()
    return int(seconds) * SECOND + int(fraction.ljust(9, "0") or 0)


def in_order(value: Any) -> str:
    return json.dumps(value, indent=1)


def host_config(**more: Any) -> HostConfig:
    return HostConfig(
        log_config=LogConfig("json-file"), network_mode="bridge", cgroupns_mode="host", ipc_mode="private",
        shm_size=67108864, runtime="runc", readonly_paths=READONLY, **more,
    )  # fmt: skip


def full() -> tuple[Container, Any]:
    said = answer("inspect_created")
    volume = next(each for each in said["Mounts"] if each["Destination"] == "/v")
    mounts = {
        "/m": MountPoint("bind", "/tmp", "/m", read_write=False, propagation="rslave"),
        "/fv": MountPoint("volume", "/var/lib/docker/volumes/fv/_data", "/fv", "z", name="fv", driver="local"),
        "/tm": MountPoint("tmpfs", "", "/tm"),
        "/v": MountPoint("volume", volume["Source"], "/v", name=volume["Name"], driver="local", anonymous=True),
    }
    host = host_config(
        port_bindings={"80/tcp": [PortBinding("127.0.0.1", "8000-8010")]},
        restart_policy=RestartPolicy("on-failure", 2),
        console_size=[10, 20],
        annotations={"x": "y"},
        cap_add=["NET_ADMIN"],
        cap_drop=["ALL"],
        dns=["1.1.1.1"],
        extra_hosts=["a:1.2.3.4"],
        group_add=["1"],
        security_opt=["no-new-privileges"],
        sysctls={"net.ipv4.ip_forward": "1"},
        memory=10000000,
        memory_swap=20000000,
        blkio_weight_device=[],
        blkio_device_read_bps=[ThrottleDevice("/dev/null", 10)],
        devices=[Device("/dev/null", "/dev/x", "r")],
        device_requests=[],
        oom_kill_disable=True,
        ulimits=[Ulimit("nofile", 10, 20)],
        masked_paths=[],
        init=True,
        mounts=[
            MountRequest(
                "bind", "/tmp", "/m", read_only=True, bind_options={"NonRecursive": True, "Propagation": "rslave"}
            ),
            MountRequest(
                "volume",
                "fv",
                "/fv",
                volume_options={"NoCopy": True, "Labels": {"a": "b"}, "Subpath": "", "DriverConfig": {"Name": "local"}},
            ),
            MountRequest(
                "tmpfs", target="/tm", tmpfs_options={"SizeBytes": 1000000, "Mode": 511, "Options": [["noexec"]]}
            ),
        ],
    )
    config = ContainerConfig(
        hostname="h",
        domainname="dom",
        user="1:1",
        exposed_ports=["81/udp", "80/tcp"],
        tty=True,
        open_stdin=True,
        stdin_once=True,
        env=["A=b", "C", "PATH=/x"],
        cmd=["echo hi"],
        healthcheck=Healthcheck(["CMD", "true"], interval=SECOND, retries=3),
        args_escaped=True,
        image="busybox",
        volumes=["/v"],
        working_dir="/a",
        entrypoint=["/bin/sh", "-c"],
        on_build=["x"],
        labels={"z": "1", "a": "<&>"},
        stop_signal="SIGINT",
        stop_timeout=3,
        shell=["/bin/sh"],
    )
    definition = Definition(
        config,
        host,
        {"bridge": EndpointRequest(mac_address="02:42:ac:11:00:aa", gw_priority=3)},
        [mounts[each["Destination"]] for each in said["Mounts"]],
        "/bin/sh",
        ["-c", "echo hi"],
    )
    container = Container(
        said["Id"], "f-full", nanoseconds(said["Created"]), said["Image"].removeprefix("sha256:"), definition,
        State(), NetworkState(),
    )  # fmt: skip
    return container, said


def running(name: str) -> tuple[Container, Any]:
    said = answer(name)
    state, network = said["State"], said["NetworkSettings"]
    host = host_config(
        binds=["/tmp:/x:ro"],
        port_bindings={"80/tcp": [PortBinding("", "0")]},
        restart_policy=RestartPolicy("no"),
        oom_kill_disable=False,
        masked_paths=said["HostConfig"]["MaskedPaths"],
    )
    config = ContainerConfig(
        hostname=said["Config"]["Hostname"],
        exposed_ports=["80/tcp", "81/udp"],
        env=said["Config"]["Env"],
        cmd=["sh", "-c", "echo hi; sleep 100"],
        image="busybox",
    )
    definition = Definition(
        config, host, {"bridge": EndpointRequest()},
        [MountPoint("bind", "/tmp", "/x", "ro", read_write=False, propagation="rprivate")],
        "sh", ["-c", "echo hi; sleep 100"],
    )  # fmt: skip
    bridge = network["Networks"]["bridge"]
    endpoint = ConnectedEndpoint(
        bridge["NetworkID"], bridge["EndpointID"], bridge["IPAddress"], bridge["IPPrefixLen"], bridge["Gateway"],
        mac_address=bridge["MacAddress"],
    )  # fmt: skip
    ports = {"80/tcp": [("0.0.0.0", "32769"), ("::", "32769")], "81/udp": None}
    lives = state["Running"]
    container = Container(
        said["Id"],
        "f-run2",
        nanoseconds(said["Created"]),
        said["Image"].removeprefix("sha256:"),
        definition,
        State(
            state["Status"],
            state["Pid"],
            exit_code=state["ExitCode"],
            started=nanoseconds(state["StartedAt"]),
            finished=0 if lives else nanoseconds(state["FinishedAt"]),
            run=1,
        ),
        NetworkState(network["SandboxID"], network["SandboxKey"], {"bridge": endpoint}, ports if lives else {}),
    )
    return container, said


def folder(said: Any) -> Path:
    return Path("/var/lib/docker/containers") / said["Id"]


def layers(said: Any) -> dict[str, str]:
    return dict(said["GraphDriver"]["Data"])


def normalised(said: Any) -> Any:
    """Leave out what the records cannot tell: an empty map of bindings from none, and kernel memory."""
    said["HostConfig"].pop("KernelMemoryTCP", None)
    bindings = said["HostConfig"]["PortBindings"] or {}
    said["HostConfig"]["PortBindings"] = {port: sides for port, sides in bindings.items() if sides}
    for endpoint in said["NetworkSettings"]["Networks"].values():
        endpoint["IPAMConfig"] = endpoint["IPAMConfig"] or None
    return said


def test_inspect_of_a_created_container_with_every_kind_of_field() -> None:
    container, said = full()
    assert in_order(inspect(container, folder(said), layers(said))) == in_order(normalised(said))


@pytest.mark.parametrize("name", ["inspect_running", "inspect_exited"])
def test_inspect_of_a_container_that_ran(name: str) -> None:
    container, said = running(name)
    expected = normalised(said)
    expected["LogPath"] = str(folder(said) / "container.log")
    assert in_order(inspect(container, folder(said), layers(said))) == in_order(expected)


def test_sizes_stand_before_the_mounts_when_asked_for() -> None:
    container, said = running("inspect_exited")
    found = inspect(container, folder(said), {}, (0, 5))
    keys = list(found)
    assert keys[keys.index("GraphDriver") + 1 : keys.index("Mounts")] == ["SizeRw", "SizeRootFs"]
    assert (found["SizeRw"], found["SizeRootFs"]) == (0, 5)


def test_summary_of_a_created_container() -> None:
    container, _ = full()
    said = answer("summary_created")
    order = {each["Destination"]: position for position, each in enumerate(said["Mounts"])}
    found = summary(container, "busybox", 0)
    found["Mounts"].sort(key=lambda each: order[each["Destination"]])
    for endpoint in said["NetworkSettings"]["Networks"].values():
        endpoint["IPAMConfig"] = endpoint["IPAMConfig"] or None
    assert in_order(found) == in_order(said)


def test_summary_of_a_running_container() -> None:
    container, _ = running("inspect_running")
    said = answer("summary_running")
    said["Ports"].sort(key=lambda port: port["PrivatePort"])  # dockerd tells them in a random order
    assert in_order(summary(container, "busybox", container.state.started)) == in_order(said)


def test_a_summary_follows_time_name_image_and_links() -> None:
    container, _ = running("inspect_running")
    started = container.state.started
    first = summary(container, "busybox", started + 5 * SECOND)
    later = summary(container, "busybox", started + 125 * SECOND)
    assert (first["Status"], later["Status"]) == ("Up 5 seconds", "Up 2 minutes")
    assert list(first) == list(later)
    assert summary(container, "sha256:1", started)["Image"] == "sha256:1"
    assert summary(container, "busybox", started, None, ("other/alias",))["Names"][1:] == ["/other/alias"]
    assert summary(replace(container, name="new"), "busybox", started)["Names"] == ["/new"]
    assert summary(container, "busybox", started)["Names"] == [f"/{container.name}"]


def test_sizes_of_zero_are_left_out_of_a_summary() -> None:
    container, _ = running("inspect_running")
    found = summary(container, "busybox", 0, (0, 7))
    assert "SizeRw" not in found
    assert found["SizeRootFs"] == 7


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State("created"), "Created"),
        (State("created", exit_code=127), "Created"),
        (State("running", started=SECOND), "Up 3 minutes"),
        (State("paused", started=SECOND), "Up 3 minutes (Paused)"),
        (State("restarting", started=SECOND, finished=100 * SECOND, exit_code=3), "Restarting (3) About a minute ago"),
        (State("exited", started=SECOND, finished=200 * SECOND), "Exited (0) Less than a second ago"),
        (State("removing", started=SECOND), "Removal In Progress"),
        (State("dead", started=SECOND), "Dead"),
    ],
)
def test_status_texts(state: State, text: str) -> None:
    assert status_text(state, 200 * SECOND) == text


def test_a_command_is_quoted_only_where_it_holds_a_space() -> None:
    assert command_line("sh", ["-c", "echo hi", "a'b", ""]) == "sh -c 'echo hi' a'b "
    assert command_line("sh", []) == "sh"


def test_legacy_links_are_told_from_the_other_container() -> None:
    definition = Definition(host=HostConfig(links=["b:database", "c:cache"]))
    container = Container("a" * 64, "web", 0, "", definition, State(), NetworkState())
    told = [("db", "database"), ("cache", "cache")]
    links = inspect(container, Path("/x"), {}, links=told)["HostConfig"]["Links"]
    assert links == ["/db:/web/database", "/cache:/web/cache"]
    assert inspect(container, Path("/x"), {})["HostConfig"]["Links"] is None
