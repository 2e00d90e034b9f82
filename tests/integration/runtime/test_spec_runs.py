"""The runtime spec in real use: crun starts containers from it, and what they see is what dockerd's see."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from engine import syscalls
from engine.containers.config import ContainerConfig, Device, HostConfig, MountPoint, Ulimit
from engine.containers.defaults import complete
from engine.containers.mounts import prepare_sources, tmpfs_modes
from engine.containers.working_directory import WorkingDirectoryNotFolder, make_working_directory
from engine.runtime import devices, facts, shm, users
from engine.runtime.cgroups import V2
from engine.runtime.propagation import NotPropagating, check_propagation
from engine.runtime.spec import SpecRequest, build_spec
from tests.harness.busybox_image import find_busybox, make_layer

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """A container's root with busybox, files for it beside."""
    busybox = find_busybox()
    applets = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    root = tmp_path / "rootfs"
    root.mkdir()
    with tarfile.open(fileobj=BytesIO(make_layer(busybox.read_bytes(), applets))) as tar:
        tar.extractall(root, filter="fully_trusted")
    (tmp_path / "files").mkdir()
    for name in ("hosts", "hostname", "resolv.conf"):
        (tmp_path / "files" / name).write_text(f"{name} of the test\n")
    return root


@pytest.fixture
def run(rootfs: Path, tmp_path: Path) -> Iterator[Run]:
    """Return a function that runs a shell line in a container made as the start verb makes it."""
    container_id = f"skiff-spec-{os.getpid()}"
    state = tmp_path / "state"

    def run_line(
        line: str,
        *,
        config: dict[str, Any] | None = None,
        host: dict[str, Any] | None = None,
        points: list[MountPoint] | None = None,
        **more: Any,
    ) -> subprocess.CompletedProcess[str]:
        known = facts.gather()
        full = complete(HostConfig(**({"network_mode": "none"} | (host or {}))), known)
        own = ContainerConfig(**({"hostname": "tester"} | (config or {})))
        prepared = prepare_sources(points or [])
        files = tmp_path / "files"
        request = SpecRequest(
            container_id,
            own,
            full,
            ["sh", "-c", line],
            str(rootfs),
            user=users.look_up(str(rootfs), own.user, full.group_add),
            mounts=prepared,
            tmpfs_modes=tmpfs_modes(rootfs, full, prepared),
            hosts_path=str(files / "hosts"),
            hostname_path=str(files / "hostname"),
            resolv_conf_path=str(files / "resolv.conf"),
            devices=devices.look_up(full),
            facts=known,
            **more,
        )
        bundle = tmp_path / "bundle"
        bundle.mkdir(exist_ok=True)
        (bundle / "config.json").write_text(json.dumps(build_spec(request)))
        command = [
            "crun",
            "--root",
            str(state),
            *known.cgroups.runtime_arguments,
            "run",
            "-b",
            str(bundle),
            container_id,
        ]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    yield run_line
    subprocess.run(["crun", "--root", str(state), "delete", "-f", container_id], capture_output=True, check=False)


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_plain_container(run: Run) -> None:
    seen = ok(run("env; id; cat /etc/hosts /etc/hostname; hostname; grep -E 'CapEff|NoNew|Seccomp:' /proc/self/status"))
    assert "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n" in seen
    assert "HOSTNAME=tester\n" in seen
    assert "HOME=/root\n" in seen
    assert "uid=0(root) gid=0(root) groups=0(root),10(wheel)\n" in seen
    assert "hosts of the test\nhostname of the test\ntester\n" in seen
    assert "CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n" in seen


def test_the_kernel_is_masked(run: Run) -> None:
    done = run("cat /proc/kcore | wc -c; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/panic; touch /sys/x; true")
    assert ok(done).split() == ["0", "0"]
    assert done.stderr.count("Read-only file system") == 2


def test_mounts_are_there(run: Run) -> None:
    mounts = {line.split()[1]: line.split() for line in ok(run("cat /proc/mounts")).splitlines()}
    kinds = {path: mounts[path][2] for path in ("/proc", "/dev", "/dev/pts", "/sys", "/dev/mqueue", "/dev/shm")}
    assert list(kinds.values()) == ["proc", "tmpfs", "devpts", "sysfs", "mqueue", "tmpfs"]
    assert "size=65536k" in mounts["/dev/shm"][3]
    assert mounts["/sys"][3].startswith("ro,")


def test_devices_are_the_default_ones(run: Run) -> None:
    listed = ok(run("ls /dev")).split()
    wanted = {
        "fd",
        "full",
        "mqueue",
        "null",
        "ptmx",
        "pts",
        "random",
        "shm",
        "stderr",
        "stdin",
        "stdout",
        "tty",
        "urandom",
    }
    assert set(listed) - {"core"} == wanted | {"zero"}


def test_privileged_sees_all(run: Run) -> None:
    line = "grep CapEff /proc/self/status; ls -d /dev/kmsg; mount -t tmpfs x /tmp && grep -c ' /tmp ' /proc/mounts"
    held, *rest = ok(run(line, host={"privileged": True})).splitlines()
    own = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    assert held == own
    assert rest == ["/dev/kmsg", "1"]


def test_user_groups_and_no_new_privileges(run: Run) -> None:
    seen = ok(
        run(
            "id; grep -E 'CapEff|NoNew' /proc/self/status; echo $HOME",
            config={"user": "www-data"},
            host={"group_add": ["wheel"], "security_opt": ["no-new-privileges"]},
        )
    )
    assert "uid=33(www-data) gid=33(www-data) groups=" in seen
    assert "10(wheel)" in seen
    assert "CapEff:\t0000000000000000\nNoNewPrivs:\t1\n" in seen
    assert seen.endswith("/var/www\n")


def test_read_only_root_with_writable_places(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    done = run(
        "touch /x; touch /ro/x; touch /tmp/x /dev/shm/x /rw/x && echo written; stat -c %a /tmp; stat -c %a /var/spool",
        host={"readonly_rootfs": True, "tmpfs": {"/tmp": "size=1m", "/var/spool": "mode=700"}},
        points=[
            MountPoint("bind", str(folder), "/ro", read_write=False, propagation="rprivate"),
            MountPoint("bind", str(folder), "/rw", propagation="rprivate"),
            MountPoint("bind", str(tmp_path / "files/hosts"), "/one", read_write=False, propagation="rprivate"),
        ],
    )
    # The modes: of the folder that /tmp covers, and as asked for.
    assert ok(done).split() == ["written", "1777", "700"]
    assert done.stderr.count("Read-only file system") == 2
    assert [entry.name for entry in folder.iterdir()] == ["x"]


def test_what_is_mounted_in_a_read_only_bind_is_read_only_too(run: Run, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    (outer / "inner").mkdir(parents=True)
    syscalls.mount("tmpfs", outer / "inner", "tmpfs")
    try:
        for options, written in (([], False), (["ro"], True)):
            point = MountPoint("bind", str(outer), "/x", read_write=False, propagation="rprivate", options=options)
            done = run("touch /x/inner/file && echo written", points=[point])
            assert ("written" in done.stdout) == written, done.stderr
    finally:
        syscalls.umount2(outer / "inner")


def test_limits_reach_the_cgroup(run: Run) -> None:
    host = {"memory": 64 << 20, "nano_cpus": 500_000_000, "pids_limit": 50, "cpu_shares": 100}
    if facts.gather().cgroups.mode == V2:
        files, wanted = "memory.max cpu.max pids.max", [str(64 << 20), "50000", "100000", "50"]
    else:
        files = "memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max"
        wanted = [str(64 << 20), str(128 << 20), "50000", "50"]
    assert ok(run(f"cd /sys/fs/cgroup; cat {files}", host=host)).split() == wanted


def test_rlimits_and_oom_score(run: Run) -> None:
    host = {"ulimits": [Ulimit("nofile", 100, 200)], "oom_score_adj": 7}
    assert ok(run("ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj", host=host)).split() == ["100", "200", "7"]


def test_a_device_and_its_permissions(run: Run) -> None:
    host = {"devices": [Device("/dev/null", "/dev/nothing", "rwm")], "device_cgroup_rules": ["c 7:* rmw", "b *:* m"]}
    assert ok(run("echo x > /dev/nothing && stat -c %t:%T /dev/nothing", host=host)) == "1:3\n"


def test_domain_name(run: Run) -> None:
    assert ok(run("cat /proc/sys/kernel/domainname", config={"domainname": "example.com"})) == "example.com\n"


def test_seccomp_refuses_and_unconfined_allows(run: Run) -> None:
    assert run("unshare -U true").returncode != 0
    assert ok(run("grep Seccomp: /proc/self/status", host={"security_opt": ["seccomp=unconfined"]})) == "Seccomp:\t0\n"
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
    }
    done = run("mkdir /tmp/x", host={"security_opt": [f"seccomp={json.dumps(profile)}"]})
    assert "Operation not permitted" in done.stderr


def test_namespaces_of_the_host(run: Run) -> None:
    host = {"network_mode": "host", "pid_mode": "host", "ipc_mode": "host", "uts_mode": "host"}
    line = "for kind in net pid ipc uts mnt; do readlink /proc/self/ns/$kind; done"
    seen = ok(run(line, host=host, network_namespace=None, shm_path="/dev/shm")).split()
    assert seen[:4] == [os.readlink(f"/proc/self/ns/{kind}") for kind in ("net", "pid", "ipc", "uts")]
    assert seen[4] != os.readlink("/proc/self/ns/mnt")


def test_shared_memory_is_limited_and_taken_down(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "shm"
    shm.make(folder, 1 << 20)
    shm.make(folder, 1 << 20)
    try:
        seen = ok(
            run("echo x > /dev/shm/file; stat -c %a /dev/shm", host={"ipc_mode": "shareable"}, shm_path=str(folder))
        )
        assert seen == "1777\n"
        assert (folder / "file").read_text() == "x\n"
        assert os.statvfs(folder).f_blocks * os.statvfs(folder).f_frsize == 1 << 20
    finally:
        shm.remove(folder)
        shm.remove(folder)
    assert not folder.exists()


def test_propagation_needs_a_mount_that_can(tmp_path: Path) -> None:
    folder = tmp_path / "mount"
    folder.mkdir()
    point = MountPoint("bind", str(folder), "/x", propagation="rshared")
    syscalls.mount("tmpfs", folder, "tmpfs")
    try:
        syscalls.mount("", folder, "", syscalls.MS_PRIVATE)
        with pytest.raises(NotPropagating) as caught:
            check_propagation([point])
        assert str(caught.value) == f"path {folder} is mounted on {folder} but it is not a shared mount"
        syscalls.mount("", folder, "", syscalls.MS_SHARED)
        check_propagation([point])
    finally:
        syscalls.umount2(folder)


def test_working_directory_is_made_inside_the_root(rootfs: Path, run: Run) -> None:
    outside = rootfs.parent / "outside"
    (rootfs / "link").symlink_to("/made")
    (rootfs / "out").symlink_to("../../../../../.." + str(outside))
    make_working_directory(rootfs, "/link/a/b", 33, 33)
    make_working_directory(rootfs, "/out/x")
    assert (rootfs / "made/a/b").stat().st_uid == 33
    assert (rootfs / "made/a/b").stat().st_mode & 0o777 == 0o755
    assert not outside.exists()
    assert (rootfs / str(outside)[1:] / "x").is_dir()
    assert ok(run("pwd", config={"working_dir": "/made/a/b"})) == "/made/a/b\n"
    with pytest.raises(WorkingDirectoryNotFolder) as caught:
        make_working_directory(rootfs, "/bin/busybox/x")
    assert str(caught.value) == "Cannot mkdir: /bin/busybox/x is not a directory"
    (rootfs / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Too many levels"):
        make_working_directory(rootfs, "/loop/x")
