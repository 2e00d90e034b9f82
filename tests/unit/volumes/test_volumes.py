"""Local volumes over a real state database; no root needed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import Engine, Settings
from engine.containers.config import ContainerConfig, HostConfig, MountPoint, MountRequest
from engine.containers.mount_syntax import InvalidBind, InvalidMount
from engine.containers.mounts import DuplicateMountPoint, VolumesFromMissing, needs_filling, prepare_sources, resolve
from engine.errors import NoSuchContainer, NoSuchVolume
from engine.volumes import Volumes
from engine.volumes.local_mount import mount_points
from engine.volumes.names import InvalidVolumeName, NoSuchVolumeDriver, VolumeInUse
from engine.volumes.options import InvalidVolumeOption, parse_mount_options


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(Settings(root=tmp_path / "root", run_root=tmp_path / "run"))


@pytest.fixture
def volumes(engine: Engine) -> Volumes:
    return Volumes(engine)


def add_container(engine: Engine, container_id: str, points: list[MountPoint], status: str = "created") -> None:
    """Put the least that is a container into the database, with its uses of volumes."""
    with engine.database.transaction() as tx:
        tx.execute(
            "INSERT INTO containers (id, name, created, image_id, definition, status) VALUES (?, ?, 0, '', '{}', ?)",
            (container_id, f"name-{container_id}", status),
        )
        engine.volumes.use(tx, container_id, points)


def events(engine: Engine) -> list[tuple[str, str, str, dict[str, str]]]:
    rows = engine.database.rows("SELECT type, action, actor, attributes FROM events ORDER BY id")
    return [(row[0], row[1], row[2], json.loads(row[3])) for row in rows]


def resolved(
    engine: Engine, config: ContainerConfig, host: HostConfig, mounts_of: Callable[[str], list[MountPoint]]
) -> list[MountPoint]:
    with engine.database.transaction() as tx:
        return resolve(engine.volumes, tx, config, host, mounts_of, root="/var/lib/skiff")


def nobody(name: str) -> list[MountPoint]:
    raise NoSuchContainer(name)


def test_a_volume_lives_from_create_to_remove(engine: Engine, volumes: Volumes) -> None:
    made = volumes.create("data", labels={"a": "b"})
    assert made.path == engine.settings.volumes / "data" / "_data"
    assert made.path.stat().st_mode & 0o7777 == 0o755
    (made.path / "file").write_text("x")
    again = volumes.create("data", labels={"other": "label"})
    assert again == made
    assert volumes.get("data") == made
    assert volumes.list() == [made]
    volumes.remove("data")
    assert not (engine.settings.volumes / "data").exists()
    assert list(engine.settings.volumes.iterdir()) == []
    with pytest.raises(NoSuchVolume):
        volumes.get("data")
    assert events(engine) == [
        ("volume", "create", "data", {"driver": "local"}),
        ("volume", "destroy", "data", {"driver": "local"}),
    ]


def test_anonymous_volumes_have_long_names_and_a_label(volumes: Volumes) -> None:
    first, second = volumes.create(), volumes.create()
    assert first.name != second.name
    assert len(first.name) == 64
    assert int(first.name, 16) >= 0
    assert first.definition.labels == {"com.docker.volume.anonymous": ""}


def test_names_and_drivers_are_checked_in_dockerds_words(volumes: Volumes) -> None:
    with pytest.raises(InvalidVolumeName) as name:
        volumes.create("rel/x")
    assert str(name.value) == (
        'create rel/x: "rel/x" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" '
        "are allowed. If you intended to pass a host directory, use absolute path"
    )
    with pytest.raises(InvalidVolumeName, match="too short"):
        volumes.create("x")
    with pytest.raises(NoSuchVolumeDriver) as driver:
        volumes.create("xx", driver="nope")
    assert str(driver.value) == 'create xx: error looking up volume plugin nope: plugin "nope" not found'
    assert volumes.list() == []


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"foo": "1"}, 'invalid option: "foo"'),
        ({"type": "tmpfs"}, 'missing required option: "device"'),
        ({"size": "1g"}, "quota size requested but no quota support"),
    ],
)
def test_options_are_checked(volumes: Volumes, options: dict[str, str], cause: str) -> None:
    with pytest.raises(InvalidVolumeOption) as caught:
        volumes.create("data", options=options)
    assert str(caught.value) == f"create data: {cause}"


def test_a_volume_in_use_stays(engine: Engine, volumes: Volumes) -> None:
    point = MountPoint("volume", "", "/x", name=volumes.create("data").name)
    add_container(engine, "c1", [point])
    add_container(engine, "c2", [point, point])
    with pytest.raises(VolumeInUse) as caught:
        volumes.remove("data", force=True)
    assert str(caught.value) == "remove data: volume is in use - [c1, c2]"
    for container_id in ("c1", "c2"):
        with engine.database.transaction() as tx:
            tx.execute("DELETE FROM containers WHERE id = ?", (container_id,))
    assert volumes.users("data") == []
    volumes.remove("data")


def test_use_of_a_volume_that_has_gone_is_refused(engine: Engine) -> None:
    with pytest.raises(NoSuchVolume):
        add_container(engine, "c1", [MountPoint("volume", "", "/x", name="gone")])


def test_force_takes_a_missing_volume_for_removed(volumes: Volumes) -> None:
    volumes.remove("nope", force=True)
    with pytest.raises(NoSuchVolume):
        volumes.remove("nope")


def test_leftovers_of_killed_processes_do_not_show_in_a_new_volume(engine: Engine, volumes: Volumes) -> None:
    folder = engine.settings.volumes
    (folder / "data/_data").mkdir(parents=True)
    (folder / "data/_data/old").write_text("of a volume that is no more")
    (folder / ".removed-other-00").mkdir()
    assert list(volumes.create("data").path.iterdir()) == []
    volumes.clear_removed()
    assert [entry.name for entry in folder.iterdir()] == ["data"]


def test_only_anonymous_volumes_go_with_their_container(engine: Engine, volumes: Volumes) -> None:
    points = resolved(engine, ContainerConfig(volumes=["/anon"]), HostConfig(binds=["kept:/kept", "/a"]), nobody)
    shared = volumes.create()
    add_container(engine, "other", [MountPoint("volume", "", "/s", name=shared.name)])
    points.append(MountPoint("volume", "", "/s", name=shared.name, anonymous=True))
    add_container(engine, "ours", points)
    volumes.make_folders(points)
    with engine.database.transaction() as tx:
        tx.execute("DELETE FROM containers WHERE id = 'ours'")
        volumes.forget_anonymous(tx, points)
    volumes.clear_removed()
    assert {volume.name for volume in volumes.list()} == {"kept", shared.name}
    assert {entry.name for entry in engine.settings.volumes.iterdir()} == {"kept", shared.name}


def test_many_writers_make_one_volume(engine: Engine) -> None:
    made: list[int] = []

    def create() -> None:
        own = Volumes(Engine(engine.settings))
        made.append(own.create("data").created)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1
    assert [event[1] for event in events(engine)] == ["create"]


def test_mounts_resolve_to_what_inspect_shows(engine: Engine, volumes: Volumes) -> None:
    donor = [
        MountPoint("bind", "/d", "/from", propagation="rprivate"),
        MountPoint("bind", "/d", "/over", mode="z", propagation="rprivate"),
    ]
    config = ContainerConfig(volumes=["/anon/", "/over", "/tmpfs"])
    host = HostConfig(
        volumes_from=["donor:ro"],
        binds=["/src:/bound:ro", "named:/vol"],
        mounts=[MountRequest("tmpfs", "", "/t"), MountRequest("volume", "", "/over")],
        tmpfs={"/tmpfs": ""},
    )
    points = {point.destination: point for point in resolved(engine, config, host, lambda name: donor)}
    assert set(points) == {"/from", "/over", "/bound", "/vol", "/t", "/anon"}
    assert points["/from"] == MountPoint("bind", "/d", "/from", read_write=False, propagation="rprivate", no_copy=True)
    named = points["/vol"]
    assert (named.name, named.driver, named.mode, named.source) == (
        "named",
        "local",
        "z",
        str(engine.settings.volumes / "named/_data"),
    )
    assert (points["/over"].type, points["/over"].anonymous, points["/over"].mode) == ("volume", True, "z")
    assert (points["/anon"].anonymous, points["/anon"].mode) == (True, "")
    assert {point.destination for point in needs_filling(list(points.values()))} == {"/vol", "/over", "/anon"}


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(binds=["/a:/b", "/c:/b"]),
        HostConfig(binds=["/a:/b"], tmpfs={"/b": ""}),
        HostConfig(binds=["/a:/b"], mounts=[MountRequest("bind", "/c", "/b")]),
    ],
)
def test_two_mounts_at_one_place_are_refused(engine: Engine, host: HostConfig) -> None:
    with pytest.raises(DuplicateMountPoint) as caught:
        resolved(engine, ContainerConfig(), host, nobody)
    assert str(caught.value) == "Duplicate mount point: /b"


def test_volumes_from_nobody(engine: Engine) -> None:
    with pytest.raises(VolumesFromMissing) as caught:
        resolved(engine, ContainerConfig(), HostConfig(volumes_from=["gone:ro"]), nobody)
    assert str(caught.value) == "No such container: gone"


def test_a_container_that_is_not_written_leaves_no_volume(engine: Engine, volumes: Volumes) -> None:
    def fail_after_resolving() -> None:
        with engine.database.transaction() as tx:
            resolve(volumes, tx, ContainerConfig(volumes=["/a"]), HostConfig(binds=["named:/x"]), nobody, root="/r")
            raise NoSuchContainer("x")

    with pytest.raises(NoSuchContainer):
        fail_after_resolving()
    assert volumes.list() == []
    assert events(engine) == []
    assert not engine.settings.volumes.exists()


@pytest.mark.parametrize(
    "host",
    [HostConfig(mounts=[MountRequest("bind", "", "/y")]), HostConfig(binds=["rel/x:/y"]), HostConfig(binds=["x"])],
)
def test_refused_mounts_leave_no_volume(engine: Engine, volumes: Volumes, host: HostConfig) -> None:
    before = HostConfig(binds=["named:/x", *(host.binds or [])], mounts=host.mounts)
    with pytest.raises((InvalidMount, InvalidVolumeName, InvalidBind)):
        resolved(engine, ContainerConfig(), before, nobody)
    assert volumes.list() == []


def test_binds_make_their_source_and_mounts_do_not(tmp_path: Path) -> None:
    wanted, file = tmp_path / "a/b", tmp_path / "file"
    file.touch()
    points = [
        MountPoint("bind", str(wanted), "/x", create_source=True),
        MountPoint("bind", str(tmp_path / "no"), "/y"),
        MountPoint("bind", str(file), "/z", read_write=False, create_source=True),
    ]
    prepared = prepare_sources(points)
    assert wanted.is_dir()
    assert not (tmp_path / "no").exists()
    # A file has nothing below it that would have to be made read-only.
    assert [point.options for point in prepared] == [[], [], ["ro"]]


def test_events_of_mounting_are_dockerds(engine: Engine, volumes: Volumes) -> None:
    point = MountPoint("volume", "", "/x", name="data", driver="local", read_write=False)
    with engine.database.transaction() as tx:
        volumes.mount_events(tx, "c1", [point, MountPoint("bind", "/a", "/b")])
        volumes.unmount_events(tx, "c1", [point])
    mount = {"container": "c1", "destination": "/x", "driver": "local", "propagation": "", "read/write": "false"}
    assert events(engine) == [
        ("volume", "mount", "data", mount),
        ("volume", "unmount", "data", {"container": "c1", "driver": "local"}),
    ]


def test_mount_options_become_flags_and_data() -> None:
    assert parse_mount_options("ro,noexec,exec,size=1m,defaults,addr=1.2.3.4") == (1, "size=1m,addr=1.2.3.4")
    assert parse_mount_options("") == (0, "")


def test_mountinfo_escapes_are_undone() -> None:
    line = "1 2 0:3 / /with\\040space\\134 rw shared:1 - ext4 /dev/x rw"
    assert mount_points(line) == ["/with space\\"]
