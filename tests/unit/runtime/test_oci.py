"""How the runtime is called."""

from pathlib import Path

import pytest

from engine.runtime import cgroups, monitor, oci

RUNTIME = oci.Runtime("crun", "/usr/bin/crun", Path("/run/skiff/runtime"))


@pytest.mark.parametrize(
    ("layout", "more"),
    [
        (cgroups.CgroupLayout(cgroups.V1), []),
        (cgroups.CgroupLayout(cgroups.V2, cgroups.CGROUPFS), []),
        # A spec's slice:prefix:name is a folder with colons to a runtime that is not told that systemd makes it.
        (cgroups.CgroupLayout(cgroups.V2, cgroups.SYSTEMD), ["--systemd-cgroup"]),
    ],
)
def test_who_makes_control_groups_is_told_to_the_runtime_and_the_monitor(
    layout: cgroups.CgroupLayout, more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "detect", lambda: layout)
    assert RUNTIME.global_arguments == ["--root", "/run/skiff/runtime", *more]
    plan = monitor.MonitorPlan(RUNTIME, "c" * 64, Path("/run/x"), ["/bin/true"], "null")
    passed = [each for each in monitor.arguments("conmon", plan) if each.startswith("--runtime-arg=")]
    assert passed == [f"--runtime-arg={each}" for each in RUNTIME.global_arguments]


def test_an_unknown_runtime(tmp_path: Path) -> None:
    with pytest.raises(oci.UnknownRuntime):
        oci.find("runsc", default=None, run_root=tmp_path)


def test_a_default_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(oci.RuntimeMissing, match="install nowhere-to-be-found"):
        oci.find(None, default="nowhere-to-be-found", run_root=tmp_path)
