"""Debian's docker-registry on loopback: plain, with TLS, or with a password (anna, secret)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HTPASSWD = "anna:$2y$12$laMPU7JxjvjddKk4Jyuslek/VW45c5xpckXDV8ubl5fma6YgRrb4y\n"
CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {home}/data}}
  delete: {{enabled: true}}
http:
  addr: 127.0.0.1:{port}
{tls}{auth}
"""
START_SECONDS = 30.0


@contextmanager
def real_registry(
    home: Path, *, tls: bool = False, password: bool = False, inside: Sequence[str] = (), port: int = 0
) -> Iterator[str]:
    """Run a registry that keeps its files below home; gives host:port. With TLS its certificate is home/ca.crt.

    inside: a command that runs it in another network namespace, where the port must be free.
    """
    if shutil.which("docker-registry") is None:
        raise RuntimeError("no docker-registry on this machine: install the package docker-registry")
    home.mkdir(parents=True, exist_ok=True)
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    secure = asked = ""
    if tls:
        make_certificate(home)
        secure = f"  tls: {{certificate: {home}/ca.crt, key: {home}/ca.key}}\n"
    if password:
        (home / "htpasswd").write_text(HTPASSWD)
        asked = f"auth: {{htpasswd: {{realm: here, path: {home}/htpasswd}}}}\n"
    (home / "config.yml").write_text(CONFIGURATION.format(home=home, port=port, tls=secure, auth=asked))
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([*inside, "docker-registry", "serve", home / "config.yml"], stdout=log, stderr=log)
    try:
        _wait(port, process, home / "log", inside)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def make_certificate(home: Path, name: str = "") -> None:
    """Make a certificate for a name, else 127.0.0.1, that nobody else signed: ca.crt with ca.key."""
    curve = "ec_paramgen_curve:prime256v1"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", curve, "-nodes", "-days", "2"]
    subject = f"DNS:{name}" if name else "IP:127.0.0.1"
    named = ["-subj", f"/CN={name or '127.0.0.1'}", "-addext", f"subjectAltName={subject}"]
    files = ["-keyout", str(home / "ca.key"), "-out", str(home / "ca.crt")]
    subprocess.run([*made, *named, *files], check=True, capture_output=True)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path, inside: Sequence[str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        asked = [*inside, "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"]
        if subprocess.run(asked, stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.05)
    raise AssertionError(f"docker-registry does not answer: {log.read_text()}")


def fetch(host: str, path: str, accept: str = "") -> bytes:
    """Return what a plain registry answers to GET."""
    headers = {"Accept": accept} if accept else {}
    with urllib.request.urlopen(urllib.request.Request(f"http://{host}{path}", headers=headers)) as answer:
        found: bytes = answer.read()
    return found
