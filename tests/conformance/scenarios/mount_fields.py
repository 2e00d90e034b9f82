"""Every way to ask for a mount, with good values and bad ones."""

from __future__ import annotations

from typing import Any

from tests.conformance.scenarios.fields import Case, try_all
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import IMAGE, Session

H = "HostConfig."
MOUNTS = H + "Mounts"
SHOWN = (MOUNTS, "Mounts")


def mount(kind: str, target: str, look: str = "", *, starts: bool = False, version: str = "v1.51", **keys: Any) -> Case:
    """Return a case with one entry of Mounts."""
    return Case(MOUNTS, [{"Type": kind, "Target": target, **keys}], look, show=SHOWN, starts=starts, version=version)


def bind(look: str = "", *, starts: bool = False, read_only: bool = False, source: str = "/etc", version: str = "v1.51",
         **options: Any) -> Case:  # fmt: skip
    """Return a case with one bind mount in Mounts."""
    return mount("bind", "/m", look, starts=starts, version=version, Source=source, ReadOnly=read_only,
                 BindOptions=options)  # fmt: skip


BINDS = [
    Case(H + "Binds", ["/tmp/conf-made:/m"], "ls -ld /m | cut -c 1-10", show=(H + "Binds", "Mounts")),
    Case(H + "Binds", ["/etc:/m:ro"], "touch /m/x", show=(H + "Binds", "Mounts")),
    Case(H + "Binds", ["/etc:/m:rshared"], "grep ' /m ' /proc/self/mountinfo | cut -d ' ' -f 5"),
    Case(H + "Binds", ["/etc:/m:z"], "ls -d /m", show=(H + "Binds", "Mounts")),
    Case(H + "Binds", ["/etc:/m:Z,ro"], show=(H + "Binds", "Mounts")),
    Case(H + "Binds", ["/etc:/m:z,Z"]),
    Case(H + "Binds", ["/etc:/m:cached"], show=(H + "Binds", "Mounts")),
    Case(H + "Binds", ["/etc:/m:nocopy"]),
    Case(H + "Binds", ["/etc:/m:nope"]),
    Case(H + "Binds", ["/etc:/m:"], show=(H + "Binds", "Mounts")),
    Case(H + "Binds", ["/etc:m"]),
    Case(H + "Binds", ["etc/x:/m"]),
    Case(H + "Binds", ["/etc:/m", "/tmp:/m/"]),
    Case(H + "Binds", ["/etc:/m"], more={H + "Tmpfs": {"/m": ""}}),
    Case(H + "Binds", ["/etc:/m"], more={MOUNTS: [{"Type": "tmpfs", "Target": "/m"}]}),
    Case(H + "Binds", ["/etc:/m"], "ls /m | grep -c passwd", {"Volumes": {"/m": {}}}, show=("Mounts", "Volumes")),
    Case(H + "Binds", ["/anonymous"], show=(H + "Binds", "Mounts")),
    Case(H + "Binds", ["conf-vol:/m"], "ls -d /m", show=(H + "Binds", "Mounts")),
    Case(H + "Binds", ["conf-vol:/m:nocopy,ro"], "touch /m/x", show=(H + "Binds", "Mounts")),
    Case(H + "Binds", ["conf vol:/m"]),
    Case(H + "Binds", ["/etc/passwd:/m"], "wc -l </m | sed 's/[0-9]*/some/'"),
    Case(H + "Binds", ["/etc/passwd:/etc"], starts=True),
    Case(H + "Binds", ["/etc/passwd/x:/m"], starts=True),
    Case(H + "Binds", ["/etc/hostname:/etc/hostname"], "ls /etc/hostname"),
    Case(H + "Binds", "x"),
    Case(H + "Tmpfs", {"/m": "size=64k,mode=700,noexec"}, "df -k /m | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2; "
         "stat -c %a /m"),
    Case(H + "Tmpfs", {"/m": ""}, "grep ' /m ' /proc/self/mountinfo | cut -d ' ' -f 6"),
    Case(H + "Tmpfs", {"/m": "exec,suid,dev"}, "grep ' /m ' /proc/self/mountinfo | cut -d ' ' -f 6"),
    Case(H + "Tmpfs", {"/m": "nonsense"}, starts=True),
    Case(H + "Tmpfs", {"/m": "size=nonsense"}, starts=True),
    Case(H + "Tmpfs", {"/": ""}),
    Case(H + "Tmpfs", {"m": ""}),
    Case(H + "Tmpfs", {"": ""}),
    Case(H + "VolumesFrom", ["conf-nowhere"]),
    Case(H + "VolumesFrom", [""]),
    Case(H + "VolumesFrom", ["conf-nowhere:nope"]),
    Case(H + "VolumesFrom", ["conf-nowhere:nocopy"]),
    Case(H + "VolumesFrom", ["a:b:c"]),
]  # fmt: skip

ENTRIES = [
    bind("ls /m | grep -c passwd"),
    bind("touch /m/x", read_only=True),
    bind("mkdir -p /m && ls -d /m", source="/tmp/conf-made", CreateMountpoint=True),
    bind(source="/tmp/conf-nowhere"),
    bind(source="relative"),
    bind(source=""),
    bind("touch /m/x; grep ' /m ' /proc/self/mountinfo | cut -d ' ' -f 6 | cut -c 1-2", read_only=True,
         ReadOnlyNonRecursive=True),
    bind("touch /m/mqueue/x /m/x; true", read_only=True, source="/dev", ReadOnlyForceRecursive=True),
    bind(read_only=True, starts=True, ReadOnlyNonRecursive=True, ReadOnlyForceRecursive=True),
    bind(starts=True, ReadOnlyNonRecursive=True),
    bind(starts=True, ReadOnlyForceRecursive=True),
    bind(read_only=True, starts=True, ReadOnlyForceRecursive=True, Propagation="rshared"),
    bind(read_only=True, starts=True, ReadOnlyForceRecursive=True, Propagation="rprivate"),
    bind(read_only=True, starts=True, ReadOnlyForceRecursive=True, version="v1.43"),
    bind("ls -d /m", NonRecursive=True),
    bind("ls -d /m", NonRecursive=True, version="v1.39"),
    bind(Propagation="nonsense"),
    bind("ls -d /m", Propagation="rslave"),
    bind(CreateMountpoint=True, source="/tmp/conf-nowhere", version="v1.41"),
    bind("wc -l </m | sed 's/[0-9]*/some/'", source="/etc/passwd"),
    mount("bind", "/m", Source="/etc", Consistency="cached"),
    mount("bind", "/m", Source="/etc", VolumeOptions={}),
    mount("bind", "/m", Source="/etc", TmpfsOptions={}),
    mount("bind", "/m", Source="/etc", ImageOptions={}),
    mount("bind", "", Source="/etc"),
    mount("bind", "m", Source="/etc"),
    mount("bind", "/", Source="/etc"),
    mount("", "/m"),
    mount("nonsense", "/m"),
    mount("npipe", "/m", Source="x"),
    mount("cluster", "/m", Source="x"),
    mount("volume", "/m", "ls -d /m"),
    mount("volume", "/m", "touch /m/x", Source="conf-vol", ReadOnly=True),
    mount("volume", "/m", ReadOnly=True),
    mount("volume", "/m", Source="a b"),
    mount("volume", "/m", Source="/abs"),
    mount("volume", "/m", BindOptions={}),
    mount("volume", "/m", Source="conf-vol", VolumeOptions={"NoCopy": True, "Labels": {"a": "b"}}),
    mount("volume", "/m", Source="conf-vol2", VolumeOptions={"DriverConfig": {"Name": "conf-nowhere"}}),
    mount("volume", "/m", Source="conf-vol2", VolumeOptions={"DriverConfig": {"Name": "local", "Options": {"x": "y"}}}),
    mount("volume", "/m", Source="conf-vol", VolumeOptions={"Subpath": "missing"}, starts=True),
    mount("volume", "/m", Source="conf-vol", VolumeOptions={"Subpath": "../x"}),
    mount("volume", "/m", Source="conf-vol", VolumeOptions={"Subpath": "/x"}),
    mount("volume", "/m", VolumeOptions={"Subpath": "x"}),
    mount("volume", "/m", Source="conf-vol", VolumeOptions={"Subpath": "x"}, version="v1.44"),
    mount("tmpfs", "/m", "df -k /m | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2; stat -c %a /m",
          TmpfsOptions={"SizeBytes": 65536, "Mode": 0o700}),
    mount("tmpfs", "/m", "touch /m/x", ReadOnly=True),
    mount("tmpfs", "/m", Source="x"),
    mount("tmpfs", "/m", TmpfsOptions={"SizeBytes": -1}),
    mount("tmpfs", "/m", "grep ' /m ' /proc/self/mountinfo | cut -d ' ' -f 6", TmpfsOptions={"Options": [["exec"]]}),
    mount("tmpfs", "/m", TmpfsOptions={"Options": [["nonsense"]]}),
    mount("tmpfs", "/m", TmpfsOptions={"Options": [[]]}),
    mount("tmpfs", "/m", TmpfsOptions={"Options": [["exec", "x"]]}),
    mount("tmpfs", "/m", BindOptions={}),
    mount("image", "/m", "ls /m; touch /m/x", Source=IMAGE),
    mount("image", "/m", "ls /m; touch /m/x", Source=IMAGE, ImageOptions={"Subpath": "etc"}),
    mount("image", "/m", Source=IMAGE, ImageOptions={"Subpath": "nowhere"}, starts=True),
    mount("image", "/m", Source=IMAGE, ImageOptions={"Subpath": "etc/passwd"}, starts=True),
    mount("image", "/m", Source=IMAGE, ImageOptions={"Subpath": "../x"}),
    mount("image", "/m", Source=IMAGE, ImageOptions={"Subpath": "/x"}),
    mount("image", "/m", Source="conf-nowhere"),
    mount("image", "/m", Source=""),
    mount("image", "/m", Source="A B"),
    mount("image", "/m", Source=IMAGE, ReadOnly=True),
    mount("image", "/m", Source=IMAGE, BindOptions={}),
    mount("image", "/m", Source=IMAGE, VolumeOptions={}),
    mount("image", "/m", Source=IMAGE, version="v1.47"),
    mount("tmpfs", "/m", VolumeOptions={}, version="v1.41"),
    Case(MOUNTS, [{"Type": "tmpfs", "Target": "/m"}, {"Type": "tmpfs", "Target": "/m/"}]),
    Case(MOUNTS, [{"Type": "tmpfs", "Target": "/m"}], more={H + "Tmpfs": {"/m": ""}}, show=SHOWN),
    Case(MOUNTS, [{"Type": "volume", "Target": "/m"}], more={H + "VolumeDriver": "local"}, show=SHOWN),
    Case(MOUNTS, {}),
    Case(MOUNTS, [None]),
]  # fmt: skip


@scenario
def fields_of_binds(s: Session) -> None:
    """Binds, Tmpfs, VolumesFrom."""
    try_all(s, BINDS)
    _clean(s)


@scenario
def fields_of_mounts(s: Session) -> None:
    """Mounts of every type."""
    try_all(s, ENTRIES)
    _clean(s)


@scenario
def image_mounts(s: Session) -> None:
    """What an image's mount says of itself while it is there, and after."""
    entry = {"Type": "image", "Source": IMAGE, "Target": "/m", "ImageOptions": {"Subpath": "etc"}}
    s.create("conf-a", "sh", "-c", "cat /m/passwd | head -n 1; sleep 60", HostConfig={"Mounts": [entry]}, record=True)
    s.call("GET", "/containers/conf-a/json")
    s.call("POST", "/containers/conf-a/start")
    s.call("GET", "/containers/conf-a/json")
    s.call("GET", "/containers/json", query={"filters": {"name": ["^/conf-a$"]}})
    s.create("conf-b", "sh", "-c", "ls /m", HostConfig={"VolumesFrom": ["conf-a"]}, record=True)
    s.call("POST", "/containers/conf-b/start")
    s.wait("conf-b")
    s.call("GET", "/containers/conf-b/logs?stdout=1&stderr=1")
    s.call("POST", "/containers/conf-a/restart?t=0")
    s.call("DELETE", "/containers/conf-a", query={"force": "1", "v": "1"})
    s.remove("conf-b")


def _clean(s: Session) -> None:
    """Take away what the binds made on the host, and the volumes."""
    for command in ("rmdir /t/conf-made; rmdir /t/conf-nowhere",):
        s.create("conf-clean", "sh", "-c", command, HostConfig={"Binds": ["/tmp:/t"]})
        s.quietly("POST", "/containers/conf-clean/start")
        s.wait("conf-clean")
        s.remove("conf-clean")
    for name in ("conf-vol", "conf-vol2"):
        s.quietly("DELETE", f"/volumes/{name}")
