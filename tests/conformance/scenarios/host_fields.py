"""Every field of HostConfig but its mounts and its networks, with good values and bad ones."""

from __future__ import annotations

from tests.conformance.scenarios.fields import Case, try_all
from tests.conformance.scenarios.registry import scenario
from tests.conformance.session import Session

H = "HostConfig."
MIB = 1 << 20


def _cgroup(controller: str, *files: str) -> str:
    """Return a line that prints a control group's files as the container sees them, v1 and v2 alike."""
    return f"cd /sys/fs/cgroup/{controller} && cat {' '.join(files)}"


LIMITS = [
    Case(H + "Memory", 64 * MIB, _cgroup("memory", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
         show=(H + "Memory", H + "MemorySwap")),
    Case(H + "Memory", 1),
    Case(H + "Memory", -1, show=(H + "Memory", H + "MemorySwap")),
    Case(H + "Memory", "64m"),
    Case(H + "Memory", 1.5),
    Case(H + "Memory", 1 << 63),
    Case(H + "MemorySwap", 128 * MIB, _cgroup("memory", "memory.memsw.limit_in_bytes"), {H + "Memory": 64 * MIB}),
    Case(H + "MemorySwap", -1, more={H + "Memory": 64 * MIB}),
    Case(H + "MemorySwap", 32 * MIB, more={H + "Memory": 64 * MIB}),
    Case(H + "MemorySwap", 32 * MIB),
    Case(H + "MemoryReservation", 32 * MIB, _cgroup("memory", "memory.soft_limit_in_bytes")),
    Case(H + "MemoryReservation", 1),
    Case(H + "MemoryReservation", 128 * MIB, more={H + "Memory": 64 * MIB}),
    Case(H + "MemorySwappiness", 30, _cgroup("memory", "memory.swappiness")),
    Case(H + "MemorySwappiness", -1),
    Case(H + "MemorySwappiness", 0),
    Case(H + "MemorySwappiness", 101),
    Case(H + "KernelMemory", 64 * MIB, version="v1.41"),
    Case(H + "KernelMemory", 1, version="v1.41"),
    Case(H + "KernelMemory", 64 * MIB),
    Case(H + "KernelMemoryTCP", 64 * MIB, version="v1.40"),
    Case(H + "KernelMemoryTCP", 64 * MIB, version="v1.39"),
    Case(H + "OomKillDisable", True, more={H + "Memory": 64 * MIB}),
    Case(H + "OomKillDisable", True, _cgroup("memory", "memory.oom_control") + " | head -n 1"),
    Case(H + "OomScoreAdj", 500, "cat /proc/self/oom_score_adj"),
    Case(H + "OomScoreAdj", 1001),
    Case(H + "OomScoreAdj", -1001),
    Case(H + "CpuShares", 512, _cgroup("cpu", "cpu.shares")),
    Case(H + "CpuShares", 1, _cgroup("cpu", "cpu.shares")),
    Case(H + "CpuShares", -1),
    Case(H + "CpuPeriod", 50_000, _cgroup("cpu", "cpu.cfs_period_us")),
    Case(H + "CpuPeriod", 1),
    Case(H + "CpuPeriod", 2_000_000),
    Case(H + "CpuQuota", 25_000, _cgroup("cpu", "cpu.cfs_quota_us")),
    Case(H + "CpuQuota", 1),
    Case(H + "CpuQuota", -1),
    Case(H + "NanoCpus", 500_000_000, _cgroup("cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us")),
    Case(H + "NanoCpus", 500_000_000, more={H + "CpuPeriod": 50_000}),
    Case(H + "NanoCpus", 500_000_000, more={H + "CpuQuota": 50_000}),
    Case(H + "NanoCpus", 1, starts=True),
    Case(H + "CpusetCpus", "0", _cgroup("cpuset", "cpuset.cpus")),
    Case(H + "CpusetCpus", "x"),
    Case(H + "CpusetCpus", "1-0"),
    Case(H + "CpusetCpus", "0,"),
    Case(H + "CpusetMems", "0", _cgroup("cpuset", "cpuset.mems")),
    Case(H + "CpusetMems", "x"),
    Case(H + "CpuRealtimePeriod", 1_000_000),
    Case(H + "CpuRealtimeRuntime", 1_000),
    Case(H + "CpuCount", 1),
    Case(H + "CpuPercent", 5),
    Case(H + "IOMaximumIOps", 5),
    Case(H + "IOMaximumBandwidth", 5),
    Case(H + "PidsLimit", 50, _cgroup("pids", "pids.max")),
    Case(H + "PidsLimit", 0, _cgroup("pids", "pids.max")),
    Case(H + "PidsLimit", -1, _cgroup("pids", "pids.max")),
    Case(H + "BlkioWeight", 300),
    Case(H + "BlkioWeight", 5),
    Case(H + "BlkioWeight", 1001),
    Case(H + "BlkioWeight", -1),
    Case(H + "BlkioWeight", 65536),
    Case(H + "BlkioWeightDevice", [{"Path": "/dev/conf-nowhere", "Weight": 100}], starts=True),
    Case(H + "BlkioDeviceReadBps", [{"Path": "/dev/conf-nowhere", "Rate": 100}], starts=True),
    Case(H + "BlkioDeviceWriteBps", [{"Path": "/dev/conf-nowhere", "Rate": 100}], starts=True),
    Case(H + "BlkioDeviceReadIOps", [{"Path": "/dev/conf-nowhere", "Rate": 100}], starts=True),
    Case(H + "BlkioDeviceWriteIOps", [{"Path": "/dev/conf-nowhere", "Rate": 100}], starts=True),
    Case(H + "BlkioDeviceWriteIOps", [{"Path": "/dev/conf-nowhere", "Rate": -1}]),
    Case(H + "ShmSize", 16 * MIB, "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2"),
    Case(H + "ShmSize", -1),
    Case(H + "ShmSize", 16 * MIB, "ls -d /dev/shm", {H + "IpcMode": "none"}),
    Case(H + "Ulimits", [{"Name": "nofile", "Soft": 100, "Hard": 200}], "ulimit -n; ulimit -H -n"),
    Case(H + "Ulimits", [{"Name": "NOFILE", "Soft": 100, "Hard": 200}], "ulimit -n"),
    Case(H + "Ulimits", [{"Name": "core", "Soft": 0, "Hard": 0}], "ulimit -c"),
    Case(H + "Ulimits", [{"Name": "nofile", "Soft": 200, "Hard": 100}], starts=True),
    Case(H + "Ulimits", [{"Name": "nope", "Soft": 1, "Hard": 1}], starts=True),
    Case(H + "Ulimits", [{"Name": "", "Soft": 1, "Hard": 1}], starts=True),
    Case(H + "CgroupParent", "/conf-parent", "grep -c conf-parent /proc/self/cgroup"),
    Case(H + "CgroupParent", "conf-parent/", "grep -c conf-parent /proc/self/cgroup"),
    Case(H + "CgroupParent", "../../conf", "true"),
    Case(H + "CgroupParent", "x.slice", "true"),
]  # fmt: skip

SECURITY = [
    Case(H + "CapAdd", ["NET_ADMIN"], "grep Cap /proc/self/status | head -n 2"),
    Case(H + "CapAdd", ["cap_net_admin", "CAP_NET_ADMIN"]),
    Case(H + "CapAdd", ["ALL"], more={H + "CapDrop": ["CHOWN"]}),
    Case(H + "CapAdd", "NET_ADMIN"),
    Case(H + "CapAdd", ["NOPE"]),
    Case(H + "CapAdd", ["CAP_ALL"]),
    Case(H + "CapAdd", [""]),
    Case(H + "CapDrop", ["ALL"], "grep Cap /proc/self/status"),
    Case(H + "CapDrop", ["ALL"], "grep CapEff /proc/self/status", {H + "CapAdd": ["CHOWN"]}),
    Case(H + "CapDrop", ["NET_RAW"], "grep CapEff /proc/self/status", {"User": "1"}),
    Case(H + "CapDrop", ["NOPE"]),
    Case(H + "Privileged", True, "grep Seccomp: /proc/self/status; test -e /dev/kmsg && echo kmsg; touch /sys/x; true",
         show=(H + "Privileged", H + "SecurityOpt", H + "MaskedPaths", H + "ReadonlyPaths")),
    Case(H + "SecurityOpt", ["no-new-privileges"], "grep NoNewPrivs /proc/self/status"),
    Case(H + "SecurityOpt", ["no-new-privileges=false"], "grep NoNewPrivs /proc/self/status"),
    Case(H + "SecurityOpt", ["no-new-privileges:true"], "grep NoNewPrivs /proc/self/status"),
    Case(H + "SecurityOpt", ["no-new-privileges=maybe"], starts=True),
    Case(H + "SecurityOpt", ["seccomp=unconfined"], "grep Seccomp: /proc/self/status"),
    Case(H + "SecurityOpt", ["seccomp=builtin"], "grep Seccomp: /proc/self/status"),
    Case(H + "SecurityOpt", ["seccomp=garbage"], starts=True),
    Case(H + "SecurityOpt", ['seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],'
                             '"action":"SCMP_ACT_ERRNO"}]}'], "mkdir /x"),
    Case(H + "SecurityOpt", ["seccomp={}"], "echo ran"),
    Case(H + "SecurityOpt", ["label=disable"], "echo ran"),
    Case(H + "SecurityOpt", ["label=level:s0:c1,c2"], "echo ran"),
    Case(H + "SecurityOpt", ["label=nonsense:x"], starts=True),
    Case(H + "SecurityOpt", ["apparmor=unconfined"], "echo ran"),
    Case(H + "SecurityOpt", ["apparmor=conf-nowhere"], starts=True),
    Case(H + "SecurityOpt", ["systempaths=unconfined"], starts=True),
    Case(H + "SecurityOpt", ["writable-cgroups=true"], "mount | grep -c 'cgroup (rw'"),
    Case(H + "SecurityOpt", ["nonsense"], starts=True),
    Case(H + "SecurityOpt", ["nonsense=x"], starts=True),
    Case(H + "SecurityOpt", [""], starts=True),
    Case(H + "MaskedPaths", ["/etc/passwd", "/var"], "wc -c </etc/passwd; ls /var"),
    Case(H + "MaskedPaths", [], "wc -l </proc/keys | sed 's/[1-9][0-9]*/some/'"),
    Case(H + "ReadonlyPaths", ["/etc"], "touch /etc/x"),
    Case(H + "ReadonlyPaths", []),
    Case(H + "ReadonlyRootfs", True, "touch /x; touch /dev/x /dev/shm/x; echo a >/etc/hosts"),
    Case(H + "Sysctls", {"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1"},
         "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced"),
    Case(H + "Sysctls", {"kernel.nope": "1"}, starts=True),
    Case(H + "Sysctls", {"net.nope": "1"}, starts=True),
    Case(H + "Sysctls", {"kernel.domainname": "x"}, starts=True),
    Case(H + "Sysctls", {"net.ipv4.ip_forward": "1"}, starts=True, more={H + "NetworkMode": "host"}),
    Case(H + "Sysctls", {"kernel.shm_rmid_forced": "1"}, starts=True, more={H + "IpcMode": "host"}),
    Case(H + "Sysctls", {"net.ipv4.conf.eth0.log_martians": "1"}),
    Case(H + "Sysctls", {"net.ipv4.conf.eth0.log_martians": "1"}, version="v1.47"),
    Case(H + "Sysctls", {"net.ipv4.conf.eth1.log_martians": "1"}, version="v1.47"),
    Case(H + "GroupAdd", ["33", "wheel"], "id -G"),
    Case(H + "GroupAdd", ["conf-nowhere"], starts=True),
    Case(H + "GroupAdd", ["4294967296"], starts=True),
]  # fmt: skip

NAMESPACES = [
    Case(H + "PidMode", "host", "test $$ -gt 1 && echo host"),
    Case(H + "PidMode", "private"),
    Case(H + "PidMode", "nonsense"),
    Case(H + "PidMode", "container:"),
    Case(H + "PidMode", "container:conf-nowhere"),
    Case(H + "IpcMode", "host", "df /dev/shm | tail -n 1 | cut -d ' ' -f 1"),
    Case(H + "IpcMode", "private", "ls -d /dev/shm"),
    Case(H + "IpcMode", "shareable", "ls -d /dev/shm"),
    Case(H + "IpcMode", "none", "ls -d /dev/shm"),
    Case(H + "IpcMode", "nonsense"),
    Case(H + "IpcMode", "container:", starts=True),
    Case(H + "IpcMode", "container:conf-nowhere"),
    Case(H + "UTSMode", "host", "echo $HOSTNAME | wc -l"),
    Case(H + "UTSMode", "private"),
    Case(H + "UTSMode", "container:x"),
    Case(H + "UsernsMode", "host", "cat /proc/self/uid_map | tr -s ' '"),
    Case(H + "UsernsMode", "private"),
    Case(H + "UsernsMode", "nonsense"),
    Case(H + "CgroupnsMode", "host", "wc -l </proc/self/cgroup | sed 's/[0-9]*/some/'"),
    Case(H + "CgroupnsMode", "private", "grep memory /proc/self/cgroup | cut -d : -f 3"),
    Case(H + "CgroupnsMode", "nonsense"),
    Case(H + "Cgroup", "container:x"),
    Case(H + "NetworkMode", "none", "ls /sys/class/net"),
    Case(H + "NetworkMode", "conf-nowhere", starts=True),
    Case(H + "NetworkMode", "container:"),
    Case(H + "NetworkMode", "container:conf-nowhere", starts=True),
    Case(H + "NetworkMode", "container"),
    Case(H + "NetworkMode", "host", more={H + "PortBindings": {"80/tcp": [{"HostPort": "80"}]}}),
    Case(H + "Isolation", "default"),
    Case(H + "Isolation", "hyperv"),
    Case(H + "Runtime", "conf-nowhere"),
    Case(H + "Init", True, "cat /proc/1/comm"),
    Case(H + "Init", False, "cat /proc/1/comm"),
    Case(H + "Init", True, "test -e /sbin/docker-init && echo there", {H + "PidMode": "host"}),
]  # fmt: skip

DEVICES = [
    Case(H + "Devices", [{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/k", "CgroupPermissions": "r"}],
         "ls -l /dev/k | cut -c 1-10; head -c 0 /dev/k && echo read"),
    Case(H + "Devices", [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/k"}], starts=True),
    Case(H + "Devices", [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/k", "CgroupPermissions": "x"}],
         starts=True),
    Case(H + "Devices", [{"PathOnHost": "/dev/conf-nowhere", "PathInContainer": "/dev/k", "CgroupPermissions": "rwm"}],
         starts=True),
    Case(H + "Devices", [{"PathOnHost": "/etc/passwd", "PathInContainer": "/dev/k", "CgroupPermissions": "rwm"}],
         starts=True),
    Case(H + "Devices", [{"PathOnHost": "/dev/null", "PathInContainer": "k", "CgroupPermissions": "rwm"}],
         starts=True),
    Case(H + "DeviceCgroupRules", ["c 1:* rwm"], "mknod /tmp/n c 1 11 && echo made"),
    Case(H + "DeviceCgroupRules", ["nonsense"], starts=True),
    Case(H + "DeviceCgroupRules", ["c 1:x rwm"], starts=True),
    Case(H + "DeviceRequests", [{"Driver": "conf-nowhere"}], starts=True),
    Case(H + "DeviceRequests", [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}], starts=True),
    Case(H + "DeviceRequests", [{"Driver": "nvidia", "Count": 1, "DeviceIDs": ["0"], "Capabilities": [["gpu"]]}],
         starts=True),
    Case(H + "DeviceRequests", [{"Driver": "cdi", "DeviceIDs": ["conf.example/nowhere=none"]}], starts=True),
    Case(H + "DeviceRequests", [{"Driver": "cdi", "DeviceIDs": ["a.b/c=d", "e.f/g=h"]}], starts=True),
    Case(H + "DeviceRequests", [{"Driver": "cdi", "DeviceIDs": ["nonsense"]}], starts=True),
    Case(H + "DeviceRequests", [{"Driver": "cdi"}], starts=True),
    Case(H + "DeviceRequests", [{"Driver": "cdi", "Count": 1}], starts=True),
    Case(H + "DeviceRequests", [{"Driver": "cdi", "DeviceIDs": ["a.b/c=d"], "Options": {"x": "y"}}], starts=True),
    Case(H + "DeviceRequests", [{"Count": -1, "Capabilities": [["gpu", "nvidia"], ["compute"]], "Options": {"a": "b"}}],
         starts=True),
]  # fmt: skip

REST = [
    Case(H + "ContainerIDFile", "/tmp/conf-id"),
    Case(H + "AutoRemove", True, more={H + "RestartPolicy": {"Name": "always"}}),
    Case(H + "AutoRemove", True),
    Case(H + "RestartPolicy", {"Name": "no"}),
    Case(H + "RestartPolicy", {"Name": "always", "MaximumRetryCount": 1}),
    Case(H + "RestartPolicy", {"Name": "unless-stopped", "MaximumRetryCount": -1}),
    Case(H + "RestartPolicy", {"Name": "on-failure", "MaximumRetryCount": -1}),
    Case(H + "RestartPolicy", {"Name": "on-failure", "MaximumRetryCount": 3}),
    Case(H + "RestartPolicy", {"Name": "no", "MaximumRetryCount": 3}),
    Case(H + "RestartPolicy", {"Name": "", "MaximumRetryCount": 3}),
    Case(H + "RestartPolicy", {"Name": "sometimes"}),
    Case(H + "LogConfig", {"Type": "none"}),
    Case(H + "LogConfig", {"Type": "local"}),
    Case(H + "LogConfig", {"Type": "json-file", "Config": {"nonsense": "1"}}),
    Case(H + "ConsoleSize", [30, 100], "stty size", {"Tty": True}),
    Case(H + "ConsoleSize", [30], "stty size", {"Tty": True}),
    Case(H + "ConsoleSize", [-1, 0]),
    Case(H + "Annotations", {"a": "b", "c": ""}),
    Case(H + "Annotations", {"": "b"}),
    Case(H + "StorageOpt", {"size": "10G"}),
    Case(H + "StorageOpt", {"size": "nonsense"}),
    Case(H + "StorageOpt", {"nonsense": "1"}),
    Case(H + "StorageOpt", {}),
    Case(H + "VolumeDriver", "local"),
    Case(H + "VolumeDriver", "conf-nowhere", show=(H + "VolumeDriver",), more={"Volumes": {"/v": {}}}),
    Case(H + "Nonsense", 1, show=(H + "Privileged",)),
    Case("HostConfig", None, show=(H + "NetworkMode",)),
    Case("HostConfig", []),
]  # fmt: skip


@scenario
def fields_of_limits(s: Session) -> None:
    """Memory, processors, processes, block devices, ulimits."""
    try_all(s, LIMITS)


@scenario
def fields_of_security(s: Session) -> None:
    """Capabilities, security options, paths, sysctls, groups."""
    try_all(s, SECURITY)


@scenario
def fields_of_namespaces(s: Session) -> None:
    """Modes of namespaces, runtime, init."""
    try_all(s, NAMESPACES)


@scenario
def fields_of_devices(s: Session) -> None:
    """Devices, their rules, and what drivers are asked for."""
    try_all(s, DEVICES)


CDI_FILE = """{
 "cdiVersion": "0.7.0", "kind": "conf.example/thing",
 "containerEdits": {"env": ["CONF_ALL=1"]},
 "devices": [
  {"name": "one", "containerEdits": {
   "env": ["CONF_ONE=1", "PATH=/bin"],
   "deviceNodes": [{"path": "/dev/conf-full", "hostPath": "/dev/full", "permissions": "rw", "fileMode": 438}],
   "mounts": [{"hostPath": "/etc", "containerPath": "/conf/etc", "options": ["ro", "nosuid", "bind"]}],
   "hooks": [{"hookName": "createContainer", "path": "/bin/true", "args": ["true"]}],
   "additionalGids": [4321]}},
  {"name": "lost", "containerEdits": {"deviceNodes": [{"path": "/dev/conf-nowhere"}]}}]}
"""
CDI_LOOK = (
    "echo $CONF_ALL $CONF_ONE $PATH; ls -l /dev/conf-full | cut -c 1-10; echo x >/dev/conf-full; "
    "ls /conf/etc | grep -c passwd; touch /conf/etc/x; id -G"
)


@scenario
def devices_of_vendors(s: Session) -> None:
    """CDI devices: what a file says of one is what the container gets."""
    volume = {"Binds": ["/etc/cdi:/cdi"]}
    s.create("conf-a", "sh", "-c", 'printf %s "$FILE" >/cdi/conf.json', Env=[f"FILE={CDI_FILE}"], HostConfig=volume)
    s.quietly("POST", "/containers/conf-a/start")
    s.wait("conf-a")
    path = H + "DeviceRequests"
    names = (["one"], ["one", "one"], ["lost"], ["one", "three"])
    for each in names:
        ids = [f"conf.example/thing={name}" for name in each]
        try_all(s, [Case(path, [{"Driver": "cdi", "DeviceIDs": ids}], CDI_LOOK)])
    s.create("conf-a", "rm", "/cdi/conf.json", HostConfig=volume)
    s.quietly("POST", "/containers/conf-a/start")
    s.wait("conf-a")
    s.remove("conf-a")


@scenario
def fields_of_host_config(s: Session) -> None:
    """Everything else of HostConfig."""
    try_all(s, REST)
