from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from compat_api import activation
from compat_api.activation import CannotListen, check_access, inherited, listen, notify


def test_a_socket_of_our_own(tmp_path: Path) -> None:
    path = tmp_path / "new" / "socket"
    sockets = listen(f"unix://{path}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    assert [each.name for each in path.parent.iterdir()] == ["socket"]
    sockets.unlink_own()
    assert not path.exists()
    sockets.unlink_own()
    sockets.listeners[0].close()


def test_a_stale_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    first = listen(f"unix://{path}")
    with pytest.raises(CannotListen, match="another server answers there"):
        listen(f"unix://{path}")
    first.listeners[0].close()
    second = listen(f"unix://{path}")
    first.unlink_own()
    assert path.exists(), "it is another's by now"
    second.unlink_own()
    assert not path.exists()
    second.listeners[0].close()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tcp://0.0.0.0", "tcp://host:port"),
        ("tcp://:2375", "tcp://host:port"),
        ("tcp://127.0.0.1:99999", "tcp://host:port"),
        ("udp://127.0.0.1:1", "must be unix"),
        ("/run/x.sock", "must be unix:///path"),
        ("unix://relative", "must be absolute"),
        ("unix:///proc/nothing/x.sock", "cannot listen on"),
    ],
)
def test_what_is_refused(address: str, words: str) -> None:
    with pytest.raises(CannotListen, match=words):
        listen(address)


def test_passed_sockets_say_what_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        ours, connected = socket.socketpair()
        first = os.dup2(listening.fileno(), 200)
        os.dup2(connected.fileno(), 201)
        monkeypatch.setattr(activation, "FIRST_FD", first)
        monkeypatch.setenv("LISTEN_FDS", "2")
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        found = inherited()
        assert [each.fileno() for each in found.listeners] == [200]
        assert [each.fileno() for each in found.connected] == [201]
        assert not os.get_inheritable(200)
        assert "LISTEN_FDS" not in os.environ
        assert inherited().listeners == [], "they are passed once"
        for each in (*found.listeners, *found.connected, ours, connected):
            each.close()


def test_what_is_meant_for_another_process_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", "1")
    assert inherited().listeners == []


def test_what_is_no_socket_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        os.dup2(file.fileno(), 200)
        monkeypatch.setattr(activation, "FIRST_FD", 200)
        monkeypatch.setenv("LISTEN_FDS", "1")
        monkeypatch.delenv("LISTEN_PID", raising=False)
        with pytest.raises(CannotListen, match="no socket"):
            inherited()
        os.close(200)


def test_readiness_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(activation, "_notify_address", None)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert receiver.recv(100) == b"READY=1"
        assert "NOTIFY_SOCKET" not in os.environ
        notify("STOPPING=1")
        assert receiver.recv(100) == b"STOPPING=1"
    notify("STOPPING=1")  # nobody listens any more


def test_a_socket_of_the_network_is_refused_unless_it_is_guarded_or_asked_for() -> None:
    sockets = listen("tcp://127.0.0.1:0")
    try:
        with pytest.raises(CannotListen, match="in clear"):
            check_access(sockets, tls=False, insecure=False)
        check_access(sockets, tls=True, insecure=False)
        check_access(sockets, tls=False, insecure=True)
    finally:
        sockets.listeners[0].close()
