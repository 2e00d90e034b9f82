"""Which mount a path lies on, by the text of mountinfo."""

from __future__ import annotations

from engine.runtime.propagation import covering_mount

MOUNTINFO = """\
1 0 8:1 / / rw shared:1 - ext4 /dev/a rw
2 1 0:5 / /srv rw - tmpfs tmpfs rw
3 2 0:6 / /srv/with\\040space rw master:4 shared:5 - tmpfs tmpfs rw
4 1 0:7 / /srv rw master:9 - tmpfs tmpfs rw
"""


def test_the_deepest_and_last_mount_counts() -> None:
    assert covering_mount("/etc/x", MOUNTINFO) == ("/", ["shared:1"])
    assert covering_mount("/srv", MOUNTINFO) == ("/srv", ["master:9"])
    assert covering_mount("/srvx", MOUNTINFO) == ("/", ["shared:1"])
    assert covering_mount("/srv/with space/a", MOUNTINFO) == ("/srv/with space", ["master:4", "shared:5"])
