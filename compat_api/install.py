"""Writing, enabling and removing the systemd units that start Skiff's servers.

Owns the files skiff.socket, skiff.service, skiff-isolated.socket, skiff-isolated@.service and skiff-restore.service
in systemd's folder for the administrator's units (or the user's), and the links that enable them. The units are the
templates under systemd/ with @NAME@ filled in. What is to be done is first a list of steps, so that it can be shown
and tested. Called by the skiff command.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.lean_dataclasses import dataclass

RESTORE = "skiff-restore.service"  # of both kinds
SHARED = ("skiff.socket", "skiff.service", RESTORE)
ISOLATED = ("skiff-isolated.socket", "skiff-isolated@.service", RESTORE)
WANTED_BY = "sockets.target.wants"
SOCKET_GROUP = "docker"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one installation lies: the units' folder, the engine's folders and the socket's path."""

    units: Path
    root: str
    run_root: str
    socket: str
    user: bool = False
    name: str = ""  # of one of several sockets

    def unit(self, template: str) -> str:
        """Return the name of the unit that is made of a template: skiff.socket, or skiff-NAME.socket."""
        if not self.name or template == RESTORE:  # there is one, whatever sockets lead to the engine
            return template
        return template.replace("skiff", f"skiff-{self.name}", 1)

    @property
    def boot_target(self) -> str:
        """The target whose start is the boot of these units' systemd."""
        return "default.target" if self.user else "multi-user.target"

    @classmethod
    def of_system(cls) -> Layout:
        """Return the layout of the machine's own Skiff."""
        return cls(Path("/etc/systemd/system"), "/var/lib/skiff", "/run/skiff", "/run/skiff/skiff.sock")

    @classmethod
    def of_user(cls, environment: Mapping[str, str]) -> Layout:
        """Return the layout of a user's own Skiff, by the XDG variables."""
        home = environment.get("HOME", "/")
        config = environment.get("XDG_CONFIG_HOME") or f"{home}/.config"
        data = environment.get("XDG_DATA_HOME") or f"{home}/.local/share"
        run = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        return cls(Path(config, "systemd/user"), f"{data}/skiff", f"{run}/skiff", f"{run}/skiff/skiff.sock", user=True)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done: what to tell of it, and the doing."""

    text: str
    run: Callable[[], object]


def templates() -> Path:
    """Return the folder of the unit templates: beside the packages in a checkout, below the prefix when installed."""
    beside = Path(__file__).resolve().parent.parent / "systemd"
    return beside if beside.is_dir() else Path(sys.prefix, "share/skiff/systemd")


def quoted(argument: str) -> str:
    """Write an argument so that systemd reads it back as one, without specifiers."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if any(character in argument for character in " \t'\"\\;") else escaped


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in the place of @NAME@; a line that is one name with an empty value goes away."""
    lines = []
    for line in template.splitlines():
        if line[:1] == "@" and not values.get(line.strip("@"), line):
            continue
        for name, value in values.items():
            line = line.replace(f"@{name}@", value)
        lines.append(line)
    return "\n".join(lines) + "\n"


def unit_values(
    layout: Layout, command: Sequence[str], group: str | None, *, owner: str = "root", mode: str = "0660"
) -> dict[str, str]:
    """Return what the templates' names stand for; the socket is a path, or HOST:PORT."""
    whose = f"SocketUser={owner}" + (f"\nSocketGroup={group}" if group else "")
    return {
        "UNIT": layout.unit(SHARED[0]),
        "SOCKET": layout.socket.replace("%", "%%"),
        "SOCKET_OWNER": whose if not layout.user and (group or owner != "root") else "",
        "SOCKET_MODE": mode,
        "COMMAND": " ".join(quoted(argument) for argument in command),
    }


def boot_values(layout: Layout, options: Sequence[str]) -> dict[str, str]:
    """Return what the names in the template of skiff-restore.service stand for."""

    def command(verb: str) -> str:
        line = [sys.executable, "-m", "compat_api.cli", verb, "--root", layout.root, "--run-root", layout.run_root]
        return " ".join(quoted(argument) for argument in [*line, *options])

    return {"RESTORE": command("restore"), "SHUTDOWN": command("shutdown"), "BOOT_TARGET": layout.boot_target}


def server_program() -> list[str]:
    """Return the beginning of the server's command line: this Python, and the file that it runs."""
    return [sys.executable, "-P", str(Path(__file__).resolve().with_name("serve.py"))]


def server_command(layout: Layout, options: Sequence[str]) -> list[str]:
    """Return the command line of the server, with this Python and these folders."""
    return [*server_program(), "--root", layout.root, "--run-root", layout.run_root, *options]


def plan_install(layout: Layout, names: Sequence[str], values: Mapping[str, str], *, live: bool) -> list[Step]:
    """Return the steps that bring the units to what they should be; nothing for what is so already.

    live tells whether the systemd that reads these units is running, so that it can be asked to act.
    """
    steps = []
    for name in names:
        path, text = layout.units / layout.unit(name), fill((templates() / name).read_text(), values)
        if not path.exists() or path.read_text() != text:
            steps.append(Step(f"write {path}", lambda path=path, text=text: _write(path, text)))  # type: ignore[misc]
    socket = layout.unit(names[0])
    for name, link in _links(layout, names).items():
        if not link.is_symlink():
            steps.append(
                Step(f"enable {name}", lambda link=link, name=name: _link(link, layout.units / name))  # type: ignore[misc]
            )
    if live:
        changed = bool(steps)
        if changed:
            steps.append(_systemctl(layout, "daemon-reload"))
            # A running server has the old socket: it ends first, and its containers go on.
            services = [name for name in names if name.endswith(".service") and "@" not in name and name != RESTORE]
            services = [layout.unit(name) for name in services]
            steps += [_systemctl(layout, "stop", service) for service in services]
        steps.append(_systemctl(layout, "restart" if changed else "start", socket))
        # What ran in this boot is left alone by it; started, it is there to stop containers when the machine goes down.
        steps.append(_systemctl(layout, "start", RESTORE))
    return steps


def plan_uninstall(layout: Layout, names: Sequence[str], *, live: bool) -> list[Step]:
    """Return the steps that take the units away; images and containers stay."""
    names = [layout.unit(name) for name in names]
    sockets = {path.name for path in layout.units.glob("skiff*.socket")}
    if sockets - set(names):
        names = [name for name in names if name != RESTORE]  # the others need it
    present = [name for name in names if (layout.units / name).exists()]
    steps = []
    if live:
        # The restore unit's stop would stop the containers.
        steps += [_systemctl(layout, "stop", name) for name in present if "@" not in name and name != RESTORE]
    for name, link in _links(layout, names).items():
        if link.is_symlink():
            steps.append(Step(f"disable {name}", link.unlink))
    for name in present:
        steps.append(Step(f"remove {layout.units / name}", (layout.units / name).unlink))
    if live and present:
        steps.append(_systemctl(layout, "daemon-reload"))
    return steps


def _links(layout: Layout, names: Sequence[str]) -> dict[str, Path]:
    """Return the links that enable units, by unit; names are templates or units already."""
    socket = layout.unit(names[0]) if names[0] in (SHARED[0], ISOLATED[0]) else names[0]
    links = {socket: layout.units / WANTED_BY / socket}
    if RESTORE in names:
        links[RESTORE] = layout.units / f"{layout.boot_target}.wants" / RESTORE
    return links


def systemd_runs(*, user: bool) -> bool:
    """Tell whether the systemd that the units are for can be asked to act."""
    if not user:
        return Path("/run/systemd/system").is_dir()
    return Path(os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}"), "systemd").is_dir()


def socket_group() -> str | None:
    """Return the group that may use the socket beside root, None where the machine has none such."""
    import grp

    try:
        return grp.getgrnam(SOCKET_GROUP).gr_name
    except KeyError:
        return None


def _systemctl(layout: Layout, *arguments: str) -> Step:
    command = ["systemctl", *(["--user"] if layout.user else []), *arguments]
    return Step(" ".join(command), lambda: subprocess.run(command, check=True))


def _write(path: Path, text: str) -> None:
    from engine.durable import write_file

    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text.encode(), mode=0o644)


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
