"""The server's process: `python -m compat_api`, or serve.py, which units run.

In the order in which a client waits for it: the sockets, the front door's answer, and only then the imports that
the full server needs.
"""

from __future__ import annotations

import sys

from engine import late_modules

late_modules.install()
if hasattr(sys, "set_lazy_imports"):  # Python 3.15: what a request does not touch is not imported
    sys.set_lazy_imports("all")

from socket import socket

from compat_api import memory
from compat_api.activation import CannotListen, Sockets, check_access, inherited, listen, notify
from compat_api.front_door import answer_first
from compat_api.options import USAGE, BadOption, Options
from compat_api.options import parse as parse_options


def main(arguments: list[str]) -> int:
    """Serve until idle or told to end; returns the process's exit code."""
    memory.collect_rarely()
    try:
        options = parse_options(arguments)
        if options.help:
            sys.stdout.write(USAGE)
            return 0
        if options.policies or options.deny or options.tls:
            check_options(options)
        sockets = listen(options.listen) if options.listen else inherited()
        check_access(sockets, tls=options.tls is not None, insecure=options.insecure)
    except (BadOption, CannotListen) as problem:
        sys.stderr.write(f"compat_api: {problem}\n")
        return 2
    if not sockets.listeners and not sockets.connected:
        sys.stderr.write("compat_api: no socket was passed; start it by systemd or with --listen unix:///path\n")
        return 2
    notify("READY=1")
    # Where requests are written down, the front door has no part in answering them.
    hasty = not options.audit and options.tls is None
    if not hasty:
        return serve(options, sockets, list(sockets.connected))
    connections = answer_plainly(options, sockets, answer_first(sockets.listeners, sockets.connected))
    if not sockets.listeners and not connections:
        return 0  # isolated, and its client has what it wanted
    return serve(options, sockets, connections)


def answer_plainly(options: Options, sockets: Sockets, connections: list[socket]) -> list[socket]:
    """Answer what can be answered without the full server; returns the connections that are left."""
    from compat_api.plain_server import serve_plainly
    from compat_api.settings import settings_of
    from engine import Engine

    return serve_plainly(Engine(settings_of(options)), sockets.listeners, connections)


def check_options(options: Options) -> None:
    """Raise BadOption for a policy or certificates that cannot be meant, before anybody is served."""
    from compat_api.access.policy import BadPolicy, parse
    from compat_api.access.tls import BadCertificate, make_context

    try:
        parse(options.policies, options.deny)
        if options.tls is not None:
            make_context(*options.tls)
    except (BadPolicy, BadCertificate) as problem:
        raise BadOption(str(problem)) from None


def serve(options: Options, sockets: Sockets, connections: list[socket]) -> int:
    """Run the full server over the sockets and the connections that the front door took."""
    from compat_api.server import run

    return run(options, sockets, connections)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
