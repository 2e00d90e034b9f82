"""Hold a listening socket and keep a socket-activated server behind it, on machines where systemd is not PID 1.

What systemd does for skiff.socket: the socket stays open in this process, so that a connection made while one
server exits waits for the next and is never refused. systemd-socket-activate waits for the connection and starts the
server; with --accept it starts a server per connection. Used by `make run`, the tests and the benchmark:

    hold_socket.py --socket PATH [--accept] [--log FILE] -- COMMAND ...

Prints "listening on PATH" when clients may connect; ends on SIGTERM, and with it the server and the socket's file.
"""

from __future__ import annotations

import argparse
import grp
import os
import shutil
import signal
import socket

FIRST_FD = 3  # sd_listen_fds(3)
ENDS = (signal.SIGTERM, signal.SIGINT)  # tell this process to end
QUICK_FAILURE_PAUSE = 0.2  # so that a server that cannot start does not keep a core busy


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--socket", required=True)
    parser.add_argument("--accept", action="store_true", help="a server per connection")
    parser.add_argument("--log", help="the file for what the servers print")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    activate = shutil.which("systemd-socket-activate")
    if activate is None:
        raise SystemExit("no systemd-socket-activate on this machine: install the package systemd")
    listener = listen(options.socket)
    log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600) if options.log else 2
    # They are waited for, not handled: one that comes just before or behind a fork is neither lost nor half acted on.
    signal.pthread_sigmask(signal.SIG_BLOCK, (*ENDS, signal.SIGCHLD))
    print(f"listening on {options.socket}", flush=True)
    command = [activate, *(["--accept"] if options.accept else []), *options.command]
    try:
        while serve(command, listener, log):
            pass
    finally:
        os.unlink(options.socket)


def serve(command: list[str], listener: socket.socket, log: int) -> bool:
    """Keep one server, and return when it has ended; False when this process was told to end, and has ended it."""
    child = spawn(command, listener, log)
    ended = None
    while ended is None and signal.sigwait((*ENDS, signal.SIGCHLD)) == signal.SIGCHLD:
        reaped, status = os.waitpid(child, os.WNOHANG)
        ended = status if reaped else None
    if ended is None:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        return False
    failed = os.waitstatus_to_exitcode(ended) > 0
    return signal.sigtimedwait(ENDS, QUICK_FAILURE_PAUSE if failed else 0) is None


def listen(path: str) -> socket.socket:
    """Return a listening socket at path, mode 0660 and owned by the group docker where there is one."""
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o117)
    try:
        listener.bind(path)
    finally:
        os.umask(mask)
    try:
        os.chown(path, -1, grp.getgrnam("docker").gr_gid)
    except (KeyError, PermissionError):
        pass
    listener.listen(4096)
    return listener


def spawn(command: list[str], listener: socket.socket, log: int) -> int:
    """Start command with the listener as its first passed descriptor; returns its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own would be lost with this program
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.dup2(listener.fileno(), FIRST_FD)
        os.set_inheritable(FIRST_FD, True)
        os.execve(command[0], command, {**os.environ, "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())})
    finally:
        os._exit(127)


if __name__ == "__main__":
    main()
