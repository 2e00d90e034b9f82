"""Reading mounts; every message was asked of dockerd 28.5."""

from __future__ import annotations

from typing import Any

import pytest

from engine.containers.config import MountPoint, MountRequest
from engine.containers.mount_syntax import (
    InvalidBind,
    InvalidBindMode,
    InvalidMount,
    InvalidMountPath,
    InvalidVolumesFrom,
    MisplacedMountOptions,
    WantedMount,
    check_options_fit,
    check_tmpfs_path,
    parse_bind,
    parse_mount,
    parse_volumes_from,
)


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("/a:/b", MountPoint("bind", "/a", "/b", propagation="rprivate", create_source=True)),
        (
            "/a/../c//d:/b/:ro,z,rslave",
            MountPoint("bind", "/c/d", "/b", "ro,z,rslave", False, "rslave", create_source=True),
        ),
        ("data:/b", MountPoint("volume", "", "/b", name="data")),
        ("data:/b:ro,nocopy", MountPoint("volume", "", "/b", "ro,nocopy", False, name="data", no_copy=True)),
        ("/b", MountPoint("volume", "", "/b", anonymous=True)),
    ],
)
def test_binds(text: str, point: MountPoint) -> None:
    assert parse_bind(text).point == point


def test_read_only_of_old_clients_is_not_recursive() -> None:
    assert parse_bind("/a:/b:ro", read_only_non_recursive=True).point.options == ["ro"]
    assert parse_bind("/a:/b", read_only_non_recursive=True).point.options == []
    request = MountRequest("bind", "/a", "/b", read_only=True)
    assert parse_mount(request, read_only_non_recursive=True).point.options == ["ro"]


BAD = "invalid volume specification: "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a",
            f"{BAD}'a': invalid mount config for type \"volume\": invalid mount path: 'a' mount path must be absolute",
        ),
        ("/a:ro", f"{BAD}'/a:ro'"),
        ("/x:/b:ro:z", f"{BAD}'/x:/b:ro:z'"),
        (":/b", f"{BAD}':/b'"),
        ("", f"{BAD}''"),
        (
            "/x:b",
            f"{BAD}'/x:b': invalid mount config for type \"bind\": invalid mount path: 'b' mount path must be absolute",
        ),
        (
            "/x:/",
            f"{BAD}'/x:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'",
        ),
    ],
)
def test_bad_binds(text: str, message: str) -> None:
    with pytest.raises(InvalidBind) as caught:
        parse_bind(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("mode", ["ro,foo", "ro,rw", "z,Z", "rslave,rshared", "ro,ro"])
def test_bad_bind_modes(mode: str) -> None:
    with pytest.raises(InvalidBindMode) as caught:
        parse_bind(f"/x:/b:{mode}")
    assert str(caught.value) == f"invalid mode: {mode}"


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (
            MountRequest("bind", "/a", "/b", read_only=True, bind_options={"ReadOnlyForceRecursive": True}),
            WantedMount(MountPoint("bind", "/a", "/b", read_write=False, propagation="rprivate", options=["rro"])),
        ),
        (
            MountRequest("bind", "/a", "/b", bind_options={"Propagation": "shared", "CreateMountpoint": True}),
            WantedMount(
                MountPoint("bind", "/a", "/b", propagation="shared", create_source=True), says_propagation=True
            ),
        ),
        (
            MountRequest(
                "tmpfs", "", "/b", True, tmpfs_options={"SizeBytes": 3 << 20, "Mode": 0o1770, "Options": [["exec"]]}
            ),
            WantedMount(
                MountPoint("tmpfs", "", "/b", read_write=False, options=["ro", "mode=1770", "size=3m", "exec"])
            ),
        ),
        (
            MountRequest(
                "volume",
                "v1",
                "/b",
                volume_options={
                    "NoCopy": True,
                    "Subpath": "x/y",
                    "Labels": {"a": "b"},
                    "DriverConfig": {"Name": "local", "Options": {"type": "tmpfs"}},
                },
            ),
            WantedMount(
                MountPoint("volume", "", "/b", name="v1", driver="local", no_copy=True, subpath="x/y"),
                {"a": "b"},
                {"type": "tmpfs"},
            ),
        ),
    ],
)
def test_mounts(request_: MountRequest, wanted: WantedMount) -> None:
    assert parse_mount(request_) == wanted


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"type": "bind", "source": "", "target": "/b"}, "field Source must not be empty"),
        ({"type": "bind", "source": "x", "target": "/b"}, "invalid mount path: 'x' mount path must be absolute"),
        ({"type": "bind", "source": "/t", "target": ""}, "field Target must not be empty"),
        ({"type": "bind", "source": "/t", "target": "b"}, "invalid mount path: 'b' mount path must be absolute"),
        ({"type": "bind", "source": "/t", "target": "/b/.."}, "invalid specification: destination can't be '/'"),
        (
            {"type": "bind", "source": "/t", "target": "/b", "bind_options": {"Propagation": "foo"}},
            "invalid propagation mode: foo",
        ),
        ({"type": "foo", "source": "/t", "target": "/b"}, "mount type unknown"),
        ({"type": "tmpfs", "source": "/t", "target": "/b"}, "field Source must not be specified"),
        ({"type": "tmpfs", "target": "/b", "tmpfs_options": {"Options": [["foo"]]}}, "invalid option: foo"),
        (
            {"type": "volume", "target": "/b", "read_only": True},
            "must not set ReadOnly mode when using anonymous volumes",
        ),
        (
            {"type": "volume", "source": "v", "target": "/b", "volume_options": {"Subpath": "a/../../x"}},
            "subpath must be a relative path within the volume",
        ),
        (
            {"type": "volume", "target": "/b", "volume_options": {"Subpath": "x"}},
            "must not set Subpath when using anonymous volumes",
        ),
    ],
)
def test_bad_mounts(fields: dict[str, Any], cause: str) -> None:
    with pytest.raises(InvalidMount) as caught:
        parse_mount(MountRequest(**fields))
    assert str(caught.value) == f'invalid mount config for type "{fields["type"]}": {cause}'


def test_options_of_another_type_are_refused() -> None:
    with pytest.raises(MisplacedMountOptions) as caught:
        check_options_fit(MountRequest("tmpfs", "", "/b", bind_options={}))
    assert str(caught.value) == 'BindOptions must not be specified on mount type "tmpfs"'


def test_volumes_from() -> None:
    assert parse_volumes_from("c") == ("c", True)
    assert parse_volumes_from("c:ro,z") == ("c", False)
    for text, message in (
        ("", "volumes-from specification cannot be an empty string"),
        ("c:foo", "invalid mode: foo"),
        ("c:rslave", "invalid mode: rslave"),
        ("c:nocopy", "invalid mode: nocopy"),
    ):
        with pytest.raises(InvalidVolumesFrom) as caught:
            parse_volumes_from(text)
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/", "invalid specification: destination can't be '/'"),
        ("x", "invalid mount path: 'x' mount path must be absolute"),
    ],
)
def test_bad_tmpfs_paths(path: str, message: str) -> None:
    with pytest.raises(InvalidMountPath) as caught:
        check_tmpfs_path(path)
    assert str(caught.value) == message
