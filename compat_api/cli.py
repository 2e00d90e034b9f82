"""The skiff command: serve, install, uninstall, check, restore, shutdown, version.

The edge where arguments and environment are read. It imports neither the server nor the engine before a command
needs them: `skiff serve` becomes the server and pays for nothing else.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compat_api import install
    from engine import Engine


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["serve"]:
        from compat_api.install import server_program

        os.execv(sys.executable, [*server_program(), *words[1:]])
    options = _parser().parse_args(words)
    status: int = options.run(options)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="skiff", description="A daemonless container engine behind Docker's API.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("serve", help="serve the API; takes the options of `python -m compat_api`", add_help=False)
    install = commands.add_parser("install", help="write and enable the systemd units")
    install.set_defaults(run=_install)
    uninstall = commands.add_parser("uninstall", help="take the systemd units away; images and containers stay")
    uninstall.set_defaults(run=_uninstall)
    check = commands.add_parser("check", help="tell what this machine lacks for running containers")
    check.set_defaults(run=_check)
    check.add_argument("--repair", action="store_true", help="mend what killed processes left")
    check.add_argument("--contents", action="store_true", help="compare every layer with its digest, too")
    restore = commands.add_parser("restore", help="start what the last boot ended; skiff-restore.service runs it")
    restore.set_defaults(run=_restore)
    shutdown = commands.add_parser("shutdown", help="stop all containers, to come back after the next boot")
    shutdown.set_defaults(run=_shutdown)
    for command in (install, uninstall):
        command.add_argument("--user", action="store_true", help="units of your own, not the machine's")
        command.add_argument("--isolated", action="store_true", help="a server per connection, on isolated.sock")
        command.add_argument("--units", type=Path, metavar="DIR", help="another folder for units; systemd is not asked")
        command.add_argument(
            "--name", default="", metavar="NAME", help="one more socket, NAME.sock, with units of its own"
        )
        command.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    install.add_argument("--socket", metavar="PATH", help="where clients connect")
    install.add_argument("--idle-timeout", metavar="SECONDS", help="how long an idle server lives")
    _add_access(install)
    for command in (install, check, restore, shutdown):
        command.add_argument("--root", metavar="DIR", help="what persists")
        command.add_argument("--run-root", metavar="DIR", help="what a reboot takes away")
        command.add_argument("--runtime", metavar="NAME", help="the default OCI runtime")
    commands.add_parser("version", help="tell which Skiff this is").set_defaults(run=_version)
    return parser


def _add_access(install: argparse.ArgumentParser) -> None:
    """Add the options that say who may connect, and what for."""
    install.add_argument("--owner", default="root", metavar="USER", help="the socket's owner")
    install.add_argument("--group", metavar="GROUP", help="the socket's group (default docker)")
    install.add_argument("--mode", default="0660", metavar="MODE", help="the socket's mode (default 0660)")
    install.add_argument("--policy", action="append", metavar="POLICY", help="read-only or label=KEY=VALUE")
    install.add_argument("--deny", metavar="WHAT,...", help="privileged, host-mounts, host-network")
    install.add_argument("--audit", action="store_true", help="log who asked for what")
    install.add_argument("--tcp", metavar="HOST:PORT", help="serve the network; needs the options of TLS")
    install.add_argument("--tlsverify", action="store_true", help="only clients with a certificate")
    for name in ("--tlscacert", "--tlscert", "--tlskey"):
        install.add_argument(name, metavar="FILE", type=os.path.abspath)
    install.add_argument("--insecure-no-auth", action="store_true", help="serve the network to everybody, in clear")


def _access(options: argparse.Namespace) -> list[str]:
    """Return the server's options that say who may connect; raises SystemExit for what the server would refuse."""
    from compat_api.access.policy import BadPolicy, parse
    from compat_api.options import BadOption
    from compat_api.options import parse as parse_options

    words = [word for text in options.policy or () for word in ("--policy", text)]
    for name in ("deny", "tlscacert", "tlscert", "tlskey"):
        words += [f"--{name}", getattr(options, name)] if getattr(options, name) else []
    for name in ("audit", "tlsverify", "insecure_no_auth"):
        words += [f"--{name.replace('_', '-')}"] if getattr(options, name) else []
    try:
        found = parse_options(words)
        parse(found.policies, found.deny)
    except (BadOption, BadPolicy) as problem:
        raise SystemExit(f"skiff: {problem}") from None
    if options.tcp and not (found.tls or found.insecure):
        raise SystemExit("skiff: --tcp needs --tlsverify with its files, or --insecure-no-auth")
    if not options.mode or len(options.mode) > 4 or options.mode.strip("01234567"):
        raise SystemExit(f"skiff: --mode {options.mode}: must be an octal number")
    return words


def _install(options: argparse.Namespace) -> int:
    from compat_api import install

    layout, live = _layout(options)
    given = {name: getattr(options, name) for name in ("root", "run_root", "socket") if getattr(options, name)}
    if "run_root" in given and "socket" not in given:
        given["socket"] = f"{given['run_root']}/skiff.sock"
    if options.isolated and not options.socket:
        given["socket"] = str(Path(given.get("socket", layout.socket)).with_name("isolated.sock"))
    if options.name and not options.socket:
        given["socket"] = str(Path(given.get("socket", layout.socket)).with_name(f"{options.name}.sock"))
    if options.tcp:
        given["socket"] = options.tcp
    layout = dataclasses.replace(layout, **given)
    serve = _access(options)
    serve += ["--runtime", options.runtime] if options.runtime else []
    serve += ["--idle-timeout", options.idle_timeout] if options.idle_timeout else []
    group = options.group or install.socket_group()
    command = install.server_command(layout, serve)
    values = install.unit_values(layout, command, group, owner=options.owner, mode=options.mode)
    values |= install.boot_values(layout, ["--runtime", options.runtime] if options.runtime else [])
    steps = install.plan_install(layout, _names(options), values, live=live)
    status = _carry_out(steps, dry_run=options.dry_run)
    if status == 0 and not options.dry_run:
        if not live:
            print("systemd was not asked to start the socket")
        print(f"export DOCKER_HOST={'tcp' if options.tcp else 'unix'}://{layout.socket}")
    return status


def _uninstall(options: argparse.Namespace) -> int:
    from compat_api import install

    layout, live = _layout(options)
    return _carry_out(install.plan_uninstall(layout, _names(options), live=live), dry_run=options.dry_run)


def _layout(options: argparse.Namespace) -> tuple[install.Layout, bool]:
    """Return the layout that the options ask for, and whether systemd is to be asked to act on it."""
    from compat_api import install

    layout = install.Layout.of_user(os.environ) if options.user else install.Layout.of_system()
    if options.name and not options.name.replace("-", "").replace("_", "").isalnum():
        raise SystemExit(f"skiff: --name {options.name}: must be of letters, digits and dashes")
    layout = dataclasses.replace(layout, name=options.name)
    if options.units:
        return dataclasses.replace(layout, units=options.units.absolute()), False
    return layout, install.systemd_runs(user=options.user)


def _names(options: argparse.Namespace) -> tuple[str, ...]:
    from compat_api import install

    return install.ISOLATED if options.isolated else install.SHARED


def _carry_out(steps: Sequence[install.Step], *, dry_run: bool) -> int:
    for step in steps:
        print(step.text)
        if dry_run:
            continue
        try:
            step.run()
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"skiff: cannot {step.text}: {error}", file=sys.stderr)
            return 1
    return 0


def _restore(options: argparse.Namespace) -> int:
    for name in _engine(options).containers.restore():
        print(f"started {name}")
    return 0


def _shutdown(options: argparse.Namespace) -> int:
    for name in _engine(options).containers.shutdown():
        print(f"stopped {name}")
    return 0


def _engine(options: argparse.Namespace) -> Engine:
    from engine import Engine, Settings
    from engine.settings import DEFAULT_ROOT, DEFAULT_RUN_ROOT

    root, run_root = Path(options.root or DEFAULT_ROOT), Path(options.run_root or DEFAULT_RUN_ROOT)
    return Engine(Settings(root=root, run_root=run_root, default_runtime=options.runtime))


def _check(options: argparse.Namespace) -> int:
    findings = _engine(options).check(repair=options.repair, contents=options.contents)
    for finding in findings:
        print(f"{'error' if finding.serious else 'warning'}: {finding.text}")
    if not findings:
        print("nothing is missing")
    return 1 if any(finding.serious for finding in findings) else 0


def _version(_: argparse.Namespace) -> int:
    from engine.version import API_VERSION, DOCKER_VERSION, VERSION

    print(f"Skiff {VERSION}, Docker Engine API {API_VERSION} (as dockerd {DOCKER_VERSION})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
