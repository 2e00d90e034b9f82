from __future__ import annotations

from typing import Any

import pytest

from compat_api.create_request import SYSCTLS, adapt, records
from compat_api.models.containers import CreateBody
from compat_api.problems import Problem
from engine.containers.config import ContainerConfig, EndpointRequest, HostConfig, MountRequest, PortBinding, Ulimit
from engine.errors import InvalidParameter

NEWEST = (1, 51)
MAC = "02:42:ac:11:00:aa"


def body(**keys: Any) -> CreateBody:
    return CreateBody.model_validate({"Image": "busybox", **keys})


def made(version: tuple[int, int] = NEWEST, **keys: Any) -> tuple[HostConfig, dict[str, EndpointRequest], list[str]]:
    request = body(**keys)
    warnings = adapt(request, version)
    _, host, endpoints = records(request)
    return host, endpoints, warnings


def test_an_empty_body_gives_the_records_their_defaults() -> None:
    request = body()
    assert adapt(request, NEWEST) == []
    assert records(request) == (ContainerConfig(image="busybox"), HostConfig(network_mode="bridge"), {})


def test_keys_match_in_any_case_and_null_says_nothing() -> None:
    config, host, _ = records(
        body(tTY=True, Labels={"a": None}, Env=["x", None], Cmd="one two", HostConfig={"memory": 5, "PidsLimit": None})
    )
    assert config == ContainerConfig(image="busybox", tty=True, labels={"a": ""}, env=["x", ""], cmd=["one two"])
    assert host.memory == 5


def test_maps_of_nothing_become_lists_of_their_keys() -> None:
    config, _, _ = records(body(ExposedPorts={"80/tcp": {}, "81/udp": None}, Volumes={"/data": {"x": 1}}))
    assert config.exposed_ports == ["80/tcp", "81/udp"]
    assert config.volumes == ["/data"]


def test_nested_objects_become_records() -> None:
    host, endpoints, _ = made(
        HostConfig={
            "PortBindings": {"80/tcp": [{"HostIp": "::1", "HostPort": "8080"}], "81/tcp": None},
            "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}],
            "BlkioDeviceReadIOps": [{"Path": "/dev/sda", "Rate": 9}],
            "DeviceRequests": [{"DeviceIDs": ["a"], "Capabilities": [["gpu"]], "Count": -1}],
            "IOMaximumIOps": 7,
            "UTSMode": "host",
            "ContainerIDFile": "/x",
            "ConsoleSize": [3],
        },
        NetworkingConfig={
            "EndpointsConfig": {
                "bridge": {"IPAMConfig": {"IPv4Address": "10.0.0.2", "LinkLocalIPs": ["169.254.1.1"]}, "GwPriority": 4}
            }
        },
    )
    assert host.port_bindings == {"80/tcp": [PortBinding("::1", "8080")], "81/tcp": None}
    assert host.ulimits == [Ulimit("nofile", 1, 2)]
    assert [(each.path, each.rate) for each in host.blkio_device_read_iops or ()] == [("/dev/sda", 9)]
    assert [(each.device_ids, each.count) for each in host.device_requests or ()] == [(["a"], -1)]
    assert (host.io_maximum_iops, host.uts_mode, host.container_id_file) == (7, "host", "/x")
    assert host.console_size == [3, 0]
    assert endpoints == {
        "bridge": EndpointRequest(
            ipv4_address="10.0.0.2", link_local_ips=["169.254.1.1"], ipam_given=True, gw_priority=4
        )
    }


def test_mount_options_keep_dockers_names_and_lose_what_is_empty() -> None:
    mount = {
        "Type": "volume",
        "Source": "v",
        "Target": "/v",
        "ReadOnly": True,
        "VolumeOptions": {"nocopy": True, "Labels": {"a": "b"}, "Subpath": "", "DriverConfig": {"Name": "local"}},
    }
    host, _, _ = made(HostConfig={"Mounts": [mount]})
    options = {"NoCopy": True, "Labels": {"a": "b"}, "DriverConfig": {"Name": "local"}}
    assert host.mounts == [MountRequest("volume", "v", "/v", read_only=True, volume_options=options)]


def test_the_default_network_gets_its_name_together_with_its_endpoint() -> None:
    host, endpoints, _ = made(
        HostConfig={"NetworkMode": "default"},
        NetworkingConfig={"EndpointsConfig": {"default": {"GwPriority": 2}}},
    )
    assert host.network_mode == "bridge"
    assert endpoints == {"bridge": EndpointRequest(gw_priority=2)}


@pytest.mark.parametrize("limit", [0, -1, -5])
def test_no_limit_of_processes_is_no_limit(limit: int) -> None:
    assert made(HostConfig={"PidsLimit": limit})[0].pids_limit is None


def test_an_endpoint_of_null_is_refused() -> None:
    with pytest.raises(InvalidParameter) as caught:
        made(NetworkingConfig={"EndpointsConfig": {"a": None}})
    assert str(caught.value) == "invalid config for network a: EndpointsConfig is nil"


# -- versions


def test_before_1_25_the_client_removes() -> None:
    assert not made((1, 24), HostConfig={"AutoRemove": True})[0].auto_remove
    assert made((1, 25), HostConfig={"AutoRemove": True})[0].auto_remove


def test_before_1_40_ipc_is_shareable() -> None:
    assert made((1, 39))[0].ipc_mode == "shareable"
    assert made((1, 39), HostConfig={"IpcMode": "host"})[0].ipc_mode == "host"
    assert made((1, 40))[0].ipc_mode == ""


def test_before_1_42_there_is_no_console_size_and_misplaced_options_pass() -> None:
    mounts = [{"Type": "bind", "Source": "/a", "Target": "/b", "TmpfsOptions": {"Mode": 1}}]
    host, _, _ = made((1, 41), HostConfig={"ConsoleSize": [1, 2], "Mounts": mounts})
    assert host.console_size == [0, 0]
    assert [each.tmpfs_options for each in host.mounts or ()] == [{"Mode": 1}]
    with pytest.raises(InvalidParameter, match='TmpfsOptions must not be specified on mount type "bind"'):
        made((1, 42), HostConfig={"Mounts": mounts})


def test_kernel_memory_was_a_field_before_1_42() -> None:
    assert made((1, 41), HostConfig={"KernelMemory": 9000000})[0].kernel_memory == 9000000
    assert made((1, 42), HostConfig={"KernelMemory": 9000000})[0].kernel_memory == 0


def test_before_1_43_there_are_no_annotations() -> None:
    assert made((1, 42), HostConfig={"Annotations": {"a": "b"}})[0].annotations is None
    assert made((1, 43), HostConfig={"Annotations": {"a": "b"}})[0].annotations == {"a": "b"}


def test_before_1_44_there_is_one_network() -> None:
    two = {"EndpointsConfig": {"a": {}, "b": {}}}
    with pytest.raises(InvalidParameter, match="Container cannot be created with multiple network endpoints: a, b"):
        made((1, 43), NetworkingConfig=two)
    assert list(made((1, 44), NetworkingConfig=two)[1]) == ["a", "b"]


@pytest.mark.parametrize(
    ("version", "mount", "words"),
    [
        (
            (1, 43),
            {"Type": "bind", "BindOptions": {"ReadOnlyForceRecursive": True}},
            "BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer",
        ),
        (
            (1, 44),
            {"Type": "volume", "VolumeOptions": {"Subpath": "x"}},
            "VolumeOptions.Subpath needs API v1.45 or newer",
        ),
        ((1, 47), {"Type": "image"}, 'Mount type "Image" needs API v1.48 or newer'),
    ],
)
def test_what_came_later_is_refused(version: tuple[int, int], mount: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        made(version, HostConfig={"Mounts": [mount]})
    assert str(caught.value) == words
    made((version[0], version[1] + 1), HostConfig={"Mounts": [mount]})


def test_priorities_came_with_1_48() -> None:
    networks = {"EndpointsConfig": {"bridge": {"GwPriority": 3}}}
    assert made((1, 47), NetworkingConfig=networks)[1]["bridge"].gw_priority == 0
    assert made((1, 48), NetworkingConfig=networks)[1]["bridge"].gw_priority == 3


# -- what moved to another place


def test_the_mac_address_moves_to_the_main_network() -> None:
    _, endpoints, warnings = made(MacAddress=MAC)
    assert endpoints == {"bridge": EndpointRequest(mac_address=MAC)}
    assert warnings == [
        "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
    ]
    assert made((1, 43), MacAddress=MAC)[1:] == ({"bridge": EndpointRequest(mac_address=MAC)}, [])


def test_before_1_44_an_endpoints_own_mac_address_is_not_looked_at() -> None:
    networks = {"EndpointsConfig": {"bridge": {"MacAddress": MAC}}}
    assert made((1, 43), NetworkingConfig=networks)[1]["bridge"].mac_address == ""
    assert made((1, 44), NetworkingConfig=networks)[1]["bridge"].mac_address == MAC


@pytest.mark.parametrize(
    ("version", "keys", "words"),
    [
        (
            (1, 43),
            {"HostConfig": {"NetworkMode": "none"}},
            "conflicting options: mac-address and the network mode",
        ),
        (
            NEWEST,
            {"NetworkingConfig": {"EndpointsConfig": {"other": {}}}},
            "unable to migrate container-wide MAC address to a specific network: "
            "HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks",
        ),
        (
            NEWEST,
            {"NetworkingConfig": {"EndpointsConfig": {"bridge": {"MacAddress": "02:42:ac:11:00:bb"}}}},
            "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
            "or be left empty",
        ),
    ],
)
def test_mac_addresses_that_have_no_place(version: tuple[int, int], keys: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        made(version, MacAddress=MAC, **keys)
    assert str(caught.value) == words


def test_sysctls_of_an_interface_move_to_its_endpoint_before_1_48() -> None:
    asked = {"Sysctls": {"net.ipv6.conf.eth0.forwarding": "1", "kernel.shmmax": "5"}}
    host, endpoints, warnings = made((1, 47), HostConfig=asked)
    assert host.sysctls == {"kernel.shmmax": "5"}
    assert endpoints["bridge"].driver_opts == {SYSCTLS: "net.ipv6.conf.IFNAME.forwarding=1"}
    assert warnings == [
        'Migrated sysctl "net.ipv6.conf.eth0.forwarding" to '
        'DriverOpts{"com.docker.network.endpoint.sysctls":"net.ipv6.conf.IFNAME.forwarding=1"}.'
    ]
    with pytest.raises(Problem, match="must be supplied using driver option"):
        made((1, 48), HostConfig=asked)
    with pytest.raises(Problem, match="unable to determine network endpoint for sysctl"):
        made((1, 47), HostConfig={"Sysctls": {"net.ipv6.conf.eth1.forwarding": "1"}})


def test_a_volume_driver_beside_mounts_is_warned_of() -> None:
    mount = {"Type": "volume", "Target": "/v"}
    assert made(HostConfig={"VolumeDriver": "x", "Mounts": [mount]})[2][0].startswith("WARNING: the container-wide")
    assert made((1, 47), HostConfig={"VolumeDriver": "x", "Mounts": [mount]})[2] == []
    own = {**mount, "VolumeOptions": {"DriverConfig": {"Name": "y"}}}
    assert made(HostConfig={"VolumeDriver": "x", "Mounts": [own]})[2] == []
