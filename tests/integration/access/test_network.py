"""TCP: with TLS and certificates of clients, or in clear where that was asked for, and never else."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.docker_cli import Docker
from tests.harness.server import PROJECT
from tests.integration.conftest import Skiff


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and certificates of a server and of a client; another authority's client too."""
    folder = tmp_path_factory.mktemp("tls")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    for authority, owner in (("ca", "server"), ("ca", "client"), ("other-ca", "stranger")):
        new = ("-newkey", "rsa:2048", "-nodes", "-subj")
        if not (folder / f"{authority}.pem").exists():
            openssl("req", "-x509", *new, f"/CN={authority}", "-keyout", f"{authority}.key", "-out", f"{authority}.pem")
        openssl("req", *new, f"/CN={owner}", "-keyout", f"{owner}.key", "-out", f"{owner}.csr")
        signed = ("-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{owner}.csr", *signed, "-out", f"{owner}.pem")
    return folder


@pytest.fixture
def served(skiff: Skiff, certificates: Path) -> Iterator[tuple[int, Path]]:
    """A server of the shared engine on TCP; its port and its log."""
    port = free_port()
    files = ("--tlscacert", "ca.pem", "--tlscert", "server.pem", "--tlskey", "server.key")
    log = skiff.home / "tls.log"
    command = skiff.server.command("--listen", f"tcp://127.0.0.1:{port}", "--tlsverify", *files)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=certificates, env=environment, stderr=out)
    try:
        wait_for(port, process, log)
        yield port, log
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when somebody listens; a listener is there as soon as connect succeeds."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError(log.read_text())


def client(skiff: Skiff, port: int, folder: Path, name: str, authority: str = "ca") -> Docker:
    home = skiff.home / f"client-{name}-{authority}"
    home.mkdir(exist_ok=True)
    for source, target in ((f"{authority}.pem", "ca.pem"), (f"{name}.pem", "cert.pem"), (f"{name}.key", "key.pem")):
        (home / target).write_bytes((folder / source).read_bytes())
    docker = Docker(f"tcp://127.0.0.1:{port}", home)
    docker.environment |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(home)}
    return docker


def test_a_client_with_a_certificate_is_served(skiff: Skiff, certificates: Path, served: tuple[int, Path]) -> None:
    port, log = served
    docker = client(skiff, port, certificates, "client")
    assert docker.ok("run", "--rm", "-i", "busybox", "cat", stdin="in and out") == "in and out"
    assert len(docker.ok("run", "--rm", "busybox", "head", "-c", "3000000", "/dev/zero")) == 3_000_000
    assert docker("run", "--rm", "busybox", "sh", "-c", "exit 7").returncode == 7
    assert "name=client: POST /" in log.read_text()


def test_a_client_without_one_is_not(skiff: Skiff, certificates: Path, served: tuple[int, Path]) -> None:
    port, log = served
    assert client(skiff, port, certificates, "stranger").__call__("ps").returncode != 0
    bare = Docker(f"tcp://127.0.0.1:{port}", skiff.home)
    assert "Client sent an HTTP request to an HTTPS server." in bare("ps").stderr
    assert "Audit" not in log.read_text()
    assert client(skiff, port, certificates, "client").ok("ps", "-q") == ""  # others are served on


def test_the_network_is_not_served_in_clear_by_mistake(skiff: Skiff) -> None:
    command = skiff.server.command("--listen", f"tcp://127.0.0.1:{free_port()}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=PROJECT)
    assert done.returncode == 2
    assert "refusing to serve the network in clear" in done.stderr


def test_the_network_is_served_in_clear_to_who_insists(skiff: Skiff) -> None:
    port = free_port()
    command = skiff.server.command("--listen", f"tcp://127.0.0.1:{port}", "--insecure-no-auth")
    log = skiff.home / "clear.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=PROJECT, stderr=out)
    try:
        wait_for(port, process, log)
        assert Docker(f"tcp://127.0.0.1:{port}", skiff.home).ok("run", "--rm", "busybox", "echo", "hi") == "hi\n"
        assert "Audit address=127.0.0.1:" in log.read_text()
    finally:
        process.terminate()
        process.wait(30)


def test_who_asked_for_what_is_written_down(skiff: Skiff) -> None:
    server, docker = skiff.another_server("listen")
    server.stop()
    server.options = (*server.options, "--audit")
    server.start()
    docker.ok("ps")
    assert f"uid={os.getuid()} unit=" in server.words()
    assert "HEAD /_ping: 200" in server.words()
    assert "/containers/json: 200" in server.words()
