"""The server's command line, read without argparse, which would take as long as the whole front door."""

from __future__ import annotations

USAGE = """\
usage: python -m compat_api [--listen unix:///path] [--root DIR] [--run-root DIR] [--idle-timeout SECONDS]
                            [--runtime NAME] [--log-level LEVEL]

Serve the Docker Engine API on the socket that systemd passed, or on one of its own with --listen.

  --listen ADDRESS        make and serve the socket unix:///path
  --root DIR              what persists (default /var/lib/skiff)
  --run-root DIR          what a reboot takes away (default /run/skiff)
  --idle-timeout SECONDS  exit when unused for so long; 0 is never (default 10, with --listen 0)
  --runtime NAME          the OCI runtime to use where a container names none
  --log-level LEVEL       debug, info, warning or error (default info)
"""

DEFAULT_IDLE_SECONDS = 10.0
LEVELS = ("debug", "info", "warning", "error")
_NAMES = ("--listen", "--root", "--run-root", "--idle-timeout", "--runtime", "--log-level")


class BadOption(Exception):
    """The command line cannot be meant; the text says why."""


class Options:
    """What the command line asks for; None is not said. A plain class, because importing dataclasses takes long."""

    __slots__ = ("help", "idle_timeout", "listen", "log_level", "root", "run_root", "runtime")

    def __init__(
        self,
        listen: str | None = None,
        root: str | None = None,
        run_root: str | None = None,
        idle_timeout: float = DEFAULT_IDLE_SECONDS,  # seconds; 0 is never
        runtime: str | None = None,
        log_level: str = "info",
        help: bool = False,  # noqa: A002
    ) -> None:
        self.listen, self.root, self.run_root = listen, root, run_root
        self.idle_timeout, self.runtime, self.log_level, self.help = idle_timeout, runtime, log_level, help


def parse(arguments: list[str]) -> Options:
    """Read "--name value" and "--name=value"; raises BadOption."""
    values: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        if argument in ("-h", "--help"):
            return Options(help=True)
        name, equals, value = argument.partition("=")
        if name not in _NAMES:
            raise BadOption(f"unknown option {argument}")
        if not equals:
            try:
                value = next(rest)
            except StopIteration:
                raise BadOption(f"{name} needs a value") from None
        if not value:
            raise BadOption(f"{name} needs a value")
        values[name] = value
    level = values.get("--log-level", "info")
    if level not in LEVELS:
        raise BadOption(f"--log-level {level}: must be one of {', '.join(LEVELS)}")
    listen = values.get("--listen")
    return Options(
        listen=listen,
        root=values.get("--root"),
        run_root=values.get("--run-root"),
        idle_timeout=_seconds(values.get("--idle-timeout"), 0.0 if listen else DEFAULT_IDLE_SECONDS),
        runtime=values.get("--runtime"),
        log_level=level,
    )


def _seconds(text: str | None, default: float) -> float:
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise BadOption(f"--idle-timeout {text}: must be a number of seconds")
    return seconds
