from __future__ import annotations

import pytest

from compat_api.access.audit import unit_of


@pytest.mark.parametrize(
    ("cgroup", "expected"),
    [
        ("0::/system.slice/runner.service\n", "runner.service"),
        ("0::/user.slice/user-1.slice/user@1.service/app.slice/x.scope/inner\n", "x.scope"),
        ("12:pids:/a\n1:name=systemd:/system.slice/cron.service\n0::/\n", "cron.service"),
        ("0::/\n", ""),
        ("", ""),
        ("0::/a\x1b[31m.service\n", "a\\x1b[31m.service"),
    ],
)
def test_the_innermost_unit_is_told(cgroup: str, expected: str) -> None:
    assert unit_of(cgroup) == expected
