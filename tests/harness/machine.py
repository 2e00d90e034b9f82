"""A machine whose first process is systemd: this one's files under an overlay, in namespaces of its own. Needs root.

It boots in seconds, has no network but its own, writes nothing to the files below, and can be shut down, lose its power
and boot again, each time with another boot id. /var/lib/skiff and /var/lib/containers are folders beside the overlay,
since they must be none themselves; /mnt is a folder that host and machine share.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

from tests.harness.server import PROJECT

PATIENCE = 60.0  # seconds for a boot or a shutdown
CGROUPS = Path("/sys/fs/cgroup")
# What a machine of this kind has no use for, or what would reach for the host's devices.
MASKED = (
    "getty.target", "console-getty.service", "systemd-udevd.service", "systemd-udevd-kernel.socket",
    "systemd-udevd-control.socket", "systemd-udev-trigger.service", "systemd-logind.service",
    "systemd-timesyncd.service", "systemd-networkd.service", "systemd-resolved.service", "systemd-modules-load.service",
    "systemd-sysctl.service", "systemd-remount-fs.service", "dev-hugepages.mount", "dev-mqueue.mount",
    "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount",
    "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer", "man-db.timer",
    "dpkg-db-backup.timer",
    # They empty /tmp, where what the host and the machine share may lie.
    "systemd-tmpfiles-setup.service", "systemd-tmpfiles-clean.timer", "systemd-tmpfiles-clean.service",
)  # fmt: skip

# Runs in the new namespaces; $1 is the machine's home, $2 the boot id, the rest are folders to be seen inside.
BOOT = r"""
set -e
home=$1 root=$1/root boot_id=$2; shift 2
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$home/disk/upper,workdir=$home/disk/work" "$root"
for folder; do mkdir -p "$root$folder"; mount --rbind "$folder" "$root$folder"; done
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
  for path in /sys/fs/cgroup/*/; do
    name=$(basename "$path"); [[ -L /sys/fs/cgroup/$name ]] && continue
    mkdir "$root/sys/fs/cgroup/$name"
    case $name in
      unified) mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/$name" ;;
      systemd) mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/$name" ;;
      *) mount -t cgroup -o "$name" cgroup "$root/sys/fs/cgroup/$name" ;;
    esac
  done
fi
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/net"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
for name in null zero full random urandom tty; do
  touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"
done
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/var/lib/skiff" "$root/var/lib/containers"
mount --bind "$home/disk/skiff" "$root/var/lib/skiff"
mount --bind "$home/disk/containers" "$root/var/lib/containers"
mount --bind "$home/shared" "$root/mnt"
echo "$boot_id" >"$home/boot_id"
mount --bind "$home/boot_id" "$root/proc/sys/kernel/random/boot_id"
ip link set lo up
exec env -i container=skiff-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  chroot "$root" /lib/systemd/systemd --unit=multi-user.target --log-target=console --show-status=no
"""


class Machine:
    """One machine; off until boot()."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.shared = home / "shared"
        self.boots = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._cgroup = f"skiff-machine-{os.getpid()}"
        for name in ("root", "disk", "shared"):
            (home / name).mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", home / "disk"], check=True)
        for name in ("upper/etc/systemd/system", "work", "skiff", "containers"):
            (home / "disk" / name).mkdir(parents=True)
        units = home / "disk" / "upper" / "etc" / "systemd" / "system"
        os.setxattr(units, "trusted.overlay.opaque", b"y")  # none of the host's own units
        for name in MASKED:
            (units / name).symlink_to("/dev/null")
        (home / "disk" / "upper" / "etc" / "machine-id").write_text(uuid.uuid4().hex + "\n")

    def boot(self) -> None:
        """Return when the machine is up; raises AssertionError with systemd's words when it does not come up."""
        self.boots += 1
        self._make_cgroups()
        folders = {str(PROJECT), os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix)}
        seen = sorted(each for each in folders if not each.startswith("/usr") and each != "/")
        enter = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--net", "--cgroup"]
        with (self.home / "console").open("ab") as console:
            self._process = subprocess.Popen(
                [*enter, "bash", "-c", BOOT, "boot", str(self.home), str(uuid.uuid4()), *seen],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                preexec_fn=self._enter_cgroups,
            )
        deadline = time.monotonic() + PATIENCE
        while self("systemctl", "is-active", "multi-user.target").stdout.strip() != "active":
            assert self._process.poll() is None and time.monotonic() < deadline, self.words()
            time.sleep(0.1)

    def __call__(self, *command: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run a command inside."""
        enter = ["nsenter", "-t", str(self._init()), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"]
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(
            [*enter, *command],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=timeout,
            env={"PATH": path, "HOME": "/root"},
            check=False,
        )

    def ok(self, *command: str, timeout: float = PATIENCE) -> str:
        """Run a command inside and return what it printed; raises AssertionError unless it exits 0."""
        done = self(*command, timeout=timeout)
        assert done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def power_off(self) -> None:
        """Shut the machine down as its systemd does."""
        assert self._process is not None
        self("systemctl", "poweroff")
        self._process.wait(PATIENCE)
        self._off()

    def cut_power(self) -> None:
        """End everything in it at once."""
        assert self._process is not None
        self._process.kill()  # and with it the first process, and with that the namespace
        self._process.wait(PATIENCE)
        self._off()

    def close(self) -> None:
        """Take the machine away."""
        if self._process is not None:
            self.cut_power()
        subprocess.run(["umount", "-l", self.home / "disk"], check=True)
        shutil.rmtree(self.home)

    def words(self) -> str:
        """Return what systemd has said on its console."""
        return (self.home / "console").read_text(errors="replace")[-4000:]

    def _init(self) -> int:
        """Return the pid of its first process, as the host sees it."""
        assert self._process is not None, "the machine is off"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        deadline = time.monotonic() + PATIENCE
        while True:
            for child in children.read_text().split():
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    return int(child)
            assert self._process.poll() is None and time.monotonic() < deadline, self.words()
            time.sleep(0.02)

    def _off(self) -> None:
        self._process = None
        deadline = time.monotonic() + PATIENCE
        for group in self._groups():
            while group.exists():
                for folder, _, _ in os.walk(group, topdown=False):
                    try:
                        os.rmdir(folder)
                    except OSError:  # its last process is not quite gone
                        time.sleep(0.01)
                assert time.monotonic() < deadline, f"{group} stays"

    def _groups(self) -> list[Path]:
        """Return the machine's own group in each hierarchy."""
        if (CGROUPS / "cgroup.controllers").exists():
            return [CGROUPS / self._cgroup]
        return [path / self._cgroup for path in CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]

    def _make_cgroups(self) -> None:
        for group in self._groups():
            group.mkdir(exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):  # a new group of cpuset has none, and takes no process
                if group.parent.name == "cpuset":
                    (group / name).write_text((group.parent / name).read_text())

    def _enter_cgroups(self) -> None:
        for group in self._groups():
            (group / "cgroup.procs").write_text("0")
