"""The server's command line, read without argparse, which would take as long as the whole front door."""

from __future__ import annotations

USAGE = """\
usage: python -m compat_api [--listen unix:///path] [--root DIR] [--run-root DIR] [--idle-timeout SECONDS]
                            [--runtime NAME] [--log-level LEVEL] [--policy POLICY]... [--deny WHAT,...] [--audit]
       python -m compat_api --listen tcp://HOST:PORT --tlsverify --tlscacert FILE --tlscert FILE --tlskey FILE ...

Serve the Docker Engine API on the socket that systemd passed, or on one of its own with --listen.

  --listen ADDRESS        make and serve the socket unix:///path or tcp://host:port
  --root DIR              what persists (default /var/lib/skiff)
  --run-root DIR          what a reboot takes away (default /run/skiff)
  --idle-timeout SECONDS  exit when unused for so long; 0 is never (default 10, with --listen 0)
  --runtime NAME          the OCI runtime to use where a container names none
  --log-level LEVEL       debug, info, warning or error (default info)
  --policy POLICY         read-only: nothing is changed; label=KEY=VALUE: only what has the label is seen and touched
                          (brings all of --deny with it); may be given twice
  --deny WHAT,...         what no container may have: privileged, host-mounts, host-network
  --audit                 log who asked for what; always on with a policy and on TCP
  --tlsverify             serve TCP to clients with a certificate of the authority only
  --tlscacert FILE        the authority of clients' certificates
  --tlscert, --tlskey FILE    the server's certificate and its key
  --insecure-no-auth      serve TCP in clear, to everybody who reaches it
"""

DEFAULT_IDLE_SECONDS = 10.0
LEVELS = ("debug", "info", "warning", "error")
_NAMES = (
    "--listen", "--root", "--run-root", "--idle-timeout", "--runtime", "--log-level",
    "--policy", "--deny", "--tlscacert", "--tlscert", "--tlskey",
)  # fmt: skip
_FLAGS = ("--audit", "--tlsverify", "--insecure-no-auth")
_TLS_FILES = ("--tlscacert", "--tlscert", "--tlskey")


class BadOption(Exception):
    """The command line cannot be meant; the text says why."""


class Options:
    """What the command line asks for; None is not said. A plain class, because importing dataclasses takes long."""

    __slots__ = (
        "audit", "deny", "help", "idle_timeout", "insecure", "listen", "log_level", "policies", "root", "run_root",
        "runtime", "tls",
    )  # fmt: skip

    def __init__(
        self,
        listen: str | None = None,
        root: str | None = None,
        run_root: str | None = None,
        idle_timeout: float = DEFAULT_IDLE_SECONDS,  # seconds; 0 is never
        runtime: str | None = None,
        log_level: str = "info",
        help: bool = False,  # noqa: A002
        policies: tuple[str, ...] = (),
        deny: str = "",
        audit: bool = False,
        tls: tuple[str, str, str] | None = None,  # files: authority, certificate, key
        insecure: bool = False,
    ) -> None:
        self.listen, self.root, self.run_root = listen, root, run_root
        self.idle_timeout, self.runtime, self.log_level, self.help = idle_timeout, runtime, log_level, help
        self.policies, self.deny, self.tls, self.insecure = policies, deny, tls, insecure
        self.audit = audit or bool(policies or deny or tls or insecure)


def parse(arguments: list[str]) -> Options:
    """Read "--name value" and "--name=value"; raises BadOption."""
    values: dict[str, str] = {}
    policies: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in ("-h", "--help"):
            return Options(help=True)
        name, equals, value = argument.partition("=")
        if argument in _FLAGS:
            values[name] = "yes"
            continue
        if name not in _NAMES:
            raise BadOption(f"unknown option {argument}")
        if not equals:
            try:
                value = next(rest)
            except StopIteration:
                raise BadOption(f"{name} needs a value") from None
        if not value:
            raise BadOption(f"{name} needs a value")
        if name == "--policy":
            policies.append(value)
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
        policies=tuple(policies),
        deny=values.get("--deny", ""),
        audit="--audit" in values,
        tls=_tls(values),
        insecure="--insecure-no-auth" in values,
    )


def _tls(values: dict[str, str]) -> tuple[str, str, str] | None:
    """Return the files of TLS, None where it is not asked for; raises BadOption for half of it."""
    given = [name for name in _TLS_FILES if name in values]
    if "--tlsverify" not in values:
        if given:
            raise BadOption(f"{given[0]} needs --tlsverify: without clients' certificates TLS is not served")
        return None
    if missing := [name for name in _TLS_FILES if name not in values]:
        raise BadOption(f"--tlsverify needs {missing[0]}")
    return values["--tlscacert"], values["--tlscert"], values["--tlskey"]


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
