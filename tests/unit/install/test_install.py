"""The systemd units: what is written, what is done twice, what systemd itself thinks of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import compat_api
from compat_api import cli, install
from engine import Engine
from engine.check import Finding


def layout(folder: Path) -> install.Layout:
    return install.Layout(folder, "/var/lib/skiff", "/run/skiff", "/run/skiff/skiff.sock")


def values(folder: Path, group: str | None = None) -> dict[str, str]:
    found = install.unit_values(layout(folder), install.server_command(layout(folder), []), group)
    return found | install.boot_values(layout(folder), [])


def carry_out(steps: list[install.Step]) -> list[str]:
    for step in steps:
        step.run()
    return [step.text for step in steps]


@pytest.mark.parametrize("names", [install.SHARED, install.ISOLATED])
def test_systemd_accepts_the_units(tmp_path: Path, names: tuple[str, ...]) -> None:
    carry_out(install.plan_install(layout(tmp_path), names, values(tmp_path), live=False))
    checked = [str(tmp_path / name) for name in names if "@" not in name]
    instance = tmp_path / "skiff-isolated@1.service"
    if names == install.ISOLATED:
        instance.write_text((tmp_path / "skiff-isolated@.service").read_text())
        checked.append(str(instance))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *checked], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if "skiff" in line]
    assert (done.returncode, complaints) == (0, [])


def test_a_second_install_has_nothing_to_do(tmp_path: Path) -> None:
    first = carry_out(install.plan_install(layout(tmp_path), install.SHARED, values(tmp_path), live=False))
    again = install.plan_install(layout(tmp_path), install.SHARED, values(tmp_path), live=False)
    assert first == [
        f"write {tmp_path}/skiff.socket",
        f"write {tmp_path}/skiff.service",
        f"write {tmp_path}/skiff-restore.service",
        "enable skiff.socket",
        "enable skiff-restore.service",
    ]
    assert again == []


def test_a_changed_unit_ends_the_old_server_before_the_socket_restarts(tmp_path: Path) -> None:
    carry_out(install.plan_install(layout(tmp_path), install.SHARED, values(tmp_path), live=False))
    steps = install.plan_install(layout(tmp_path), install.SHARED, values(tmp_path, "docker"), live=True)
    assert [step.text for step in steps] == [
        f"write {tmp_path}/skiff.socket",
        "systemctl daemon-reload",
        "systemctl stop skiff.service",
        "systemctl restart skiff.socket",
        "systemctl start skiff-restore.service",
    ]


def test_uninstall_removes_what_install_made(tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    for names in (install.SHARED, install.ISOLATED):
        carry_out(install.plan_install(layout(tmp_path), names, values(tmp_path), live=False))
        carry_out(install.plan_uninstall(layout(tmp_path), names, live=False))
    folders = [tmp_path / "multi-user.target.wants", tmp_path / install.WANTED_BY]
    assert sorted(tmp_path.rglob("*")) == [*before, *folders]
    assert install.plan_uninstall(layout(tmp_path), install.SHARED, live=True) == []


def test_what_restores_stays_while_the_other_kind_is_installed(tmp_path: Path) -> None:
    for names in (install.SHARED, install.ISOLATED):
        carry_out(install.plan_install(layout(tmp_path), names, values(tmp_path), live=False))
    steps = [step.text for step in install.plan_uninstall(layout(tmp_path), install.SHARED, live=True)]
    assert not any(install.RESTORE in step for step in steps)


def test_uninstalling_stops_no_container(tmp_path: Path) -> None:
    carry_out(install.plan_install(layout(tmp_path), install.SHARED, values(tmp_path), live=False))
    steps = [step.text for step in install.plan_uninstall(layout(tmp_path), install.SHARED, live=True)]
    assert "systemctl stop skiff-restore.service" not in steps


def test_the_socket_belongs_to_the_group_where_there_is_one(tmp_path: Path) -> None:
    template = (install.templates() / "skiff.socket").read_text()
    assert "SocketGroup=docker\n" in install.fill(template, values(tmp_path, "docker"))
    without = install.fill(template, values(tmp_path, None))
    assert "SocketGroup" not in without
    assert "@" not in without
    assert "SocketMode=0660\n" in without


def test_a_users_units_are_his_own() -> None:
    own = install.Layout.of_user({"HOME": "/home/kim", "XDG_RUNTIME_DIR": "/run/user/7"})
    assert own.units == Path("/home/kim/.config/systemd/user")
    assert own.socket == "/run/user/7/skiff/skiff.sock"
    assert "SocketGroup" not in install.unit_values(own, ["x"], "docker")["SOCKET_OWNER"]


@pytest.mark.parametrize(
    ("argument", "written"),
    [("/a/b", "/a/b"), ("/a b", '"/a b"'), ("50%", "50%%"), ("$x", "$$x"), ('a"b', '"a\\"b"')],
)
def test_arguments_survive_systemds_reading(argument: str, written: str) -> None:
    assert install.quoted(argument) == written


def test_the_command_tells_what_it_would_do_and_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = cli.main(["install", "--isolated", "--units", str(tmp_path), "--run-root", "/run/other", "--dry-run"])
    assert status == 0
    assert capsys.readouterr().out.splitlines() == [
        f"write {tmp_path}/skiff-isolated.socket",
        f"write {tmp_path}/skiff-isolated@.service",
        f"write {tmp_path}/skiff-restore.service",
        "enable skiff-isolated.socket",
        "enable skiff-restore.service",
    ]
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_the_server_it_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["install", "--units", str(tmp_path), "--root", "/srv/skiff", "--run-root", "/run/s", "--idle-timeout", "3"]
    assert cli.main(words) == 0
    service = (tmp_path / "skiff.service").read_text()
    folders = "--root /srv/skiff --run-root /run/s"
    assert f"ExecStart={sys.executable} -P {compat_api.__path__[0]}/serve.py {folders} --idle-timeout 3\n" in service
    assert "ListenStream=/run/s/skiff.sock\n" in (tmp_path / "skiff.socket").read_text()
    assert capsys.readouterr().out.endswith("export DOCKER_HOST=unix:///run/s/skiff.sock\n")


def test_a_unit_that_cannot_be_written_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "units").write_text("a file, not a folder")
    assert cli.main(["install", "--units", str(tmp_path / "units")]) == 1
    assert capsys.readouterr().err.startswith(f"skiff: cannot write {tmp_path}/units/skiff.socket: ")


def test_check_fails_for_what_no_container_can_run_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["check", "--root", str(tmp_path / "root"), "--run-root", str(tmp_path / "run")]
    found = [Finding("conmon is missing", serious=True), Finding("a mount is left")]
    monkeypatch.setattr(Engine, "check", lambda self, *, repair=False, contents=False: found)
    assert cli.main(words) == 1
    assert capsys.readouterr().out == "error: conmon is missing\nwarning: a mount is left\n"
    del found[0]
    assert cli.main(words) == 0
    found.clear()
    assert cli.main([*words, "--repair"]) == 0
    assert capsys.readouterr().out == "warning: a mount is left\nnothing is missing\n"


def test_a_socket_with_a_policy_has_units_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "install",
        "--units",
        str(tmp_path),
        "--name",
        "team-a",
        "--policy",
        "label=team=a",
        "--policy",
        "read-only",
    ]
    assert cli.main([*words, "--owner", "daemon", "--group", "team", "--mode", "0600", "--audit"]) == 0
    socket = (tmp_path / "skiff-team-a.socket").read_text()
    assert "ListenStream=/run/skiff/team-a.sock\n" in socket
    assert "SocketUser=daemon\nSocketGroup=team\nSocketMode=0600\n" in socket
    service = (tmp_path / "skiff-team-a.service").read_text()
    assert "Requires=skiff-team-a.socket\n" in service
    assert "--policy label=team=a --policy read-only --audit\n" in service
    assert (tmp_path / install.WANTED_BY / "skiff-team-a.socket").is_symlink()
    assert "DOCKER_HOST=unix:///run/skiff/team-a.sock" in capsys.readouterr().out
    units = [str(tmp_path / f"skiff-team-a.{kind}") for kind in ("socket", "service")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "skiff" in line] == []
    assert cli.main(["uninstall", "--units", str(tmp_path), "--name", "team-a"]) == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["multi-user.target.wants", install.WANTED_BY]


def test_the_network_is_installed_with_certificates(tmp_path: Path) -> None:
    files = ["--tlscacert", "/ca", "--tlscert", "/cert", "--tlskey", "/key"]
    words = ["install", "--units", str(tmp_path), "--name", "net", "--tcp", "127.0.0.1:2376"]
    for bad in (
        [],
        ["--tlsverify"],
        files,
        ["--policy", "x"],
        ["--deny", "x"],
        ["--tlsverify", *files, "--mode", "rw"],
    ):
        with pytest.raises(SystemExit):
            cli.main([*words, *bad])
    assert not list(tmp_path.iterdir())
    assert cli.main([*words, "--tlsverify", *files]) == 0
    assert "ListenStream=127.0.0.1:2376\n" in (tmp_path / "skiff-net.socket").read_text()
    assert "--tlscacert /ca --tlscert /cert --tlskey /key --tlsverify\n" in (tmp_path / "skiff-net.service").read_text()
