"""Which system calls a container may make: the default profile and those that clients send, as OCI linux.seccomp.

Pure. The default allows what dockerd 28.5's does: a list for all, and more with certain capabilities, on
certain processors or from certain kernels on. A profile of the client's is JSON in the form that dockerd takes
(`archMap`, `includes`, `excludes`), and is filtered in the same way.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from engine import go_json
from engine.errors import InvalidParameter
from engine.lean_dataclasses import dataclass
from engine.runtime.facts import HostFacts

ALLOW = "SCMP_ACT_ALLOW"
ERRNO = "SCMP_ACT_ERRNO"
EPERM = 1
ENOSYS = 38
UNCONFINED = "unconfined"
BUILTIN = "builtin"

# uname's machine: (the profile's word for it, architectures that the kernel runs, its own first)
_ARCHITECTURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "x86_64": ("amd64", ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32")),
    "i686": ("x86", ("SCMP_ARCH_X86",)),
    "aarch64": ("arm64", ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")),
    "armv7l": ("arm", ("SCMP_ARCH_ARM",)),
    "ppc64le": ("ppc64le", ("SCMP_ARCH_PPC64LE",)),
    "s390x": ("s390x", ("SCMP_ARCH_S390X", "SCMP_ARCH_S390")),
    "riscv64": ("riscv64", ("SCMP_ARCH_RISCV64",)),
    "mips64": ("mips64", ("SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64N32")),
}
# Those for which the default profile names architectures; the others get the runtime's own alone.
_MAPPED = ("x86_64", "aarch64", "s390x", "riscv64", "mips64")

_ALWAYS = """
_llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown
chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3
epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark
fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock
fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex
futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu
getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer
getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32
getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr getxattrat
inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents
io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule
landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr
listxattrat llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier
memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect
mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep
newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect
poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64
pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64
recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall riscv_hwprobe rmdir
rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity
sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64
sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop
semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area
set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid
setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid
setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4
sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 statmount statx symlink symlinkat
sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime
timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime
utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
"""

# clone's flags that make a namespace: mount, cgroup, uts, ipc, user, pid, net and time below the signal's bits.
_NAMESPACE_FLAGS = 0x7E020000
_VSOCK = 40
# personality(2) values: plain Linux, 32 bits, no randomised addresses, both, and the one that asks.
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)

_WITH_CAPABILITY = {
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_SYS_ADMIN": "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr "
    "lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd "
    "setdomainname sethostname setns syslog umount umount2 unshare",
    "CAP_SYS_BOOT": "reboot",
    "CAP_SYS_CHROOT": "chroot",
    "CAP_SYS_MODULE": "delete_module finit_module init_module",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_PTRACE": "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
    "CAP_SYS_RAWIO": "ioperm iopl",
    "CAP_SYS_TIME": "clock_settime clock_settime64 settimeofday stime",
    "CAP_SYS_TTY_CONFIG": "vhangup",
    "CAP_SYS_NICE": "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
    "CAP_SYSLOG": "syslog",
    "CAP_BPF": "bpf",
    "CAP_PERFMON": "perf_event_open",
}
_ON_ARCHITECTURE = (
    (("ppc64le",), "swapcontext sync_file_range2"),
    (("arm", "arm64"), "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2"),
    (("amd64",), "arch_prctl"),
    (("amd64", "x86"), "modify_ldt"),
    (("s390x",), "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"),
    (("riscv64",), "riscv_flush_icache"),
)


class InvalidProfile(InvalidParameter):
    """A seccomp profile that cannot be read."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class _Rule:
    """One entry of a profile: the OCI part, and when it counts."""

    syscalls: dict[str, Any]  # an entry of linux.seccomp.syscalls
    architectures: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    kernel: tuple[int, int] = (0, 0)
    not_architectures: tuple[str, ...] = ()
    not_capabilities: tuple[str, ...] = ()
    not_kernel: tuple[int, int] | None = None

    def counts(self, architecture: str, held: Collection[str], kernel: tuple[int, int]) -> bool:
        """Whether the rule belongs into the profile of a container with these capabilities."""
        if architecture in self.not_architectures or any(name in held for name in self.not_capabilities):
            return False
        if self.not_kernel is not None and kernel >= self.not_kernel:
            return False
        if self.architectures and architecture not in self.architectures:
            return False
        return kernel >= self.kernel and all(name in held for name in self.capabilities)


def default_profile(held: Collection[str], facts: HostFacts) -> dict[str, Any]:
    """Return linux.seccomp for a container that holds these capabilities."""
    architecture, native = _ARCHITECTURES.get(facts.machine, (facts.machine, ()))
    profile: dict[str, Any] = {"defaultAction": ERRNO, "defaultErrnoRet": EPERM}
    if facts.machine in _MAPPED:
        profile["architectures"] = list(native)
    profile["syscalls"] = [rule.syscalls for rule in _default_rules() if rule.counts(architecture, held, facts.kernel)]
    return profile


def load_profile(text: str, held: Collection[str], facts: HostFacts) -> dict[str, Any] | None:
    """Turn a client's profile into linux.seccomp; None for a profile that says nothing. Raises InvalidProfile."""
    try:
        data = go_json.loads(text)
    except go_json.SyntaxProblem as problem:
        cause = "unexpected end of JSON input" if problem.end else str(problem)
        raise InvalidProfile(f"Decoding seccomp profile failed: {cause}") from None
    except go_json.TrailingContent:
        raise InvalidProfile("Decoding seccomp profile failed: invalid character after top-level value") from None
    if not isinstance(data, dict):
        raise InvalidProfile("Decoding seccomp profile failed: the profile is no JSON object")
    if not data.get("defaultAction") and not data.get("syscalls"):
        return None
    if data.get("architectures") and data.get("archMap"):
        raise InvalidProfile(
            "both 'architectures' and 'archMap' are specified in the seccomp profile, "
            "use either 'architectures' or 'archMap'"
        )
    architecture, native = _ARCHITECTURES.get(facts.machine, (facts.machine, ()))
    carried = ("defaultAction", "defaultErrnoRet", "architectures", "flags", "listenerPath", "listenerMetadata")
    profile = {key: data[key] for key in carried if data.get(key) is not None}
    try:
        for entry in data.get("archMap") or ():
            if native and entry.get("architecture") == native[0]:
                profile["architectures"] = [entry["architecture"], *(entry.get("subArchitectures") or ())]
                break
        rules = [_read_rule(entry) for entry in data.get("syscalls") or ()]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidProfile(f"Decoding seccomp profile failed: {error}") from error
    profile["syscalls"] = [rule.syscalls for rule in rules if rule.counts(architecture, held, facts.kernel)]
    return profile


def _default_rules() -> list[_Rule]:
    admin = ("CAP_SYS_ADMIN",)
    rules = [_Rule(_allow(_ALWAYS)), _Rule(_allow("process_vm_readv process_vm_writev ptrace"), kernel=(4, 8))]
    rules.append(_Rule(_allow("socket", 0, _VSOCK, "SCMP_CMP_NE")))
    rules += [_Rule(_allow("personality", 0, value, "SCMP_CMP_EQ")) for value in _PERSONALITIES]
    rules += [_Rule(_allow(names), architectures=words) for words, names in _ON_ARCHITECTURE]
    rules += [_Rule(_allow(names), capabilities=(name,)) for name, names in _WITH_CAPABILITY.items()]
    clone = [_allow("clone", index, _NAMESPACE_FLAGS, "SCMP_CMP_MASKED_EQ") for index in (0, 1)]
    rules.append(_Rule(clone[0], not_architectures=("s390x",), not_capabilities=admin))
    rules.append(_Rule(clone[1], architectures=("s390x",), not_capabilities=admin))  # its flags come second
    # clone3's flags lie in memory where no filter sees them; ENOSYS makes the C library fall back to clone.
    rules.append(_Rule({"names": ["clone3"], "action": ERRNO, "errnoRet": ENOSYS}, not_capabilities=admin))
    return rules


def _allow(names: str, index: int | None = None, value: int = 0, operator: str = "") -> dict[str, Any]:
    entry: dict[str, Any] = {"names": names.split(), "action": ALLOW}
    if index is not None:
        entry["args"] = [{"index": index, "value": value, "op": operator}]
    return entry


def _read_rule(entry: dict[str, Any]) -> _Rule:
    name, names = entry.get("name"), entry.get("names")
    if name and names:
        raise InvalidProfile(
            "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'"
        )
    syscalls: dict[str, Any] = {"names": [name] if name else list(names or ()), "action": entry["action"]}
    if entry.get("errnoRet") is not None:
        syscalls["errnoRet"] = entry["errnoRet"]
    if entry.get("args"):
        syscalls["args"] = entry["args"]
    includes, excludes = entry.get("includes") or {}, entry.get("excludes") or {}
    return _Rule(
        syscalls,
        architectures=tuple(includes.get("arches") or ()),
        capabilities=tuple(includes.get("caps") or ()),
        kernel=_kernel(includes) or (0, 0),
        not_architectures=tuple(excludes.get("arches") or ()),
        not_capabilities=tuple(excludes.get("caps") or ()),
        not_kernel=_kernel(excludes),
    )


def _kernel(conditions: dict[str, Any]) -> tuple[int, int] | None:
    text = conditions.get("minKernel")
    if not text:
        return None
    major, _, minor = text.partition(".")
    return int(major), int(minor)
