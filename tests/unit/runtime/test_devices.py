"""Looking devices up, with what every machine has below /dev."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.containers.config import Device, DeviceRequest, HostConfig, ThrottleDevice
from engine.runtime.devices import (
    BlockDeviceUnusable,
    DeviceDriverMissing,
    DeviceUnusable,
    InvalidCdiRequest,
    look_up,
)


def test_a_device_is_found_through_links(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/dev/zero")
    found = look_up(HostConfig(devices=[Device(str(link), "/dev/nothing", "rw")]))
    node = found.nodes[0]
    assert (node["path"], node["type"], node["major"], node["minor"]) == ("/dev/nothing", "c", 1, 5)
    assert found.rules == [{"allow": True, "type": "c", "major": 1, "minor": 5, "access": "rw"}]


@pytest.mark.parametrize(
    ("path", "cause"), [("/dev/does-not-exist", "no such file or directory"), ("/etc/passwd", "not a device node")]
)
def test_what_is_no_device_is_told_in_dockerds_words(path: str, cause: str) -> None:
    with pytest.raises(DeviceUnusable) as caught:
        look_up(HostConfig(devices=[Device(path, "/dev/x", "rwm")]))
    assert str(caught.value) == f'error gathering device information while adding custom device "{path}": {cause}'


def test_a_folder_of_devices_gives_them_all() -> None:
    found = look_up(HostConfig(devices=[Device("/dev", "/outside", "r")]))
    paths = {node["path"] for node in found.nodes}
    assert {"/outside/null", "/outside/zero"} <= paths
    assert all(path.startswith("/outside/") for path in paths)
    assert len(found.rules) == len(found.nodes)


def test_privileged_has_all_but_the_containers_own() -> None:
    paths = {node["path"] for node in look_up(HostConfig(privileged=True)).nodes}
    assert {"/dev/null", "/dev/zero"} <= paths
    assert not [path for path in paths if path.startswith(("/dev/pts/", "/dev/shm/")) or path == "/dev/console"]


def test_requests_for_drivers_are_refused() -> None:
    with pytest.raises(DeviceDriverMissing) as driver:
        look_up(HostConfig(device_requests=[DeviceRequest("x", capabilities=[["a", "b"], ["c"]])]))
    assert str(driver.value) == 'could not select device driver "x" with capabilities: [[a b] [c]]'
    with pytest.raises(InvalidCdiRequest, match=r"^unexpected count in CDI device request$"):
        look_up(HostConfig(device_requests=[DeviceRequest("cdi", count=1)]))
    with pytest.raises(InvalidCdiRequest, match=r"^unexpected options in CDI device request$"):
        look_up(HostConfig(device_requests=[DeviceRequest("cdi", options={"a": "b"})]))


def test_devices_of_vendors_are_named() -> None:
    requests = [DeviceRequest("cdi", device_ids=["a.b/c=x", "a.b/c=y"]), DeviceRequest("cdi")]
    assert look_up(HostConfig(device_requests=requests)).cdi == ["a.b/c=x", "a.b/c=y"]


def test_a_limit_on_a_missing_block_device_is_told() -> None:
    with pytest.raises(BlockDeviceUnusable) as caught:
        look_up(HostConfig(blkio_device_write_iops=[ThrottleDevice("/does/not/exist", 1)]))
    assert str(caught.value) == "stat /does/not/exist: no such file or directory"
