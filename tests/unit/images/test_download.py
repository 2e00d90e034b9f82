"""Fetching an archive: what is refused before anybody is asked, and what a server's answer means."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from engine.errors import BadArchive
from engine.images.download import (
    DownloadFailed,
    DownloadForbidden,
    DownloadMissing,
    DownloadRefused,
    DownloadUnauthorized,
    InvalidUrl,
    open_url,
)


@pytest.fixture
def answer() -> Iterator[list[bytes]]:
    """A server that gives one answer to each connection; its URL comes first, answers are appended."""
    listener = socket.create_server(("127.0.0.1", 0))
    answers = [f"http://127.0.0.1:{listener.getsockname()[1]}/x".encode()]

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(65536)
                client.sendall(answers.pop(1))

    thread = threading.Thread(target=serve)
    thread.start()
    yield answers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("ftp://x/y", DownloadFailed, 'Get "ftp://x/y": unsupported protocol scheme "ftp"'),
        ("file:///etc/passwd", DownloadFailed, 'Get "file:///etc/passwd": unsupported protocol scheme "file"'),
        ("", DownloadFailed, 'Get "http:": http: no Host in request URL'),
        ("http://a b/y", InvalidUrl, 'parse "http://a b/y": invalid character " " in host name'),
    ],
)
def test_refused_unasked(url: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        open_url(url)
    assert str(caught.value) == words


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DownloadFailed) as caught:
        open_url(f"127.0.0.1:{port}/x")
    where = f"127.0.0.1:{port}"
    assert str(caught.value) == f'Get "http://{where}/x": dial tcp {where}: connect: connection refused'


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("400 Bad Request", DownloadRefused),
        ("401 Unauthorized", DownloadUnauthorized),
        ("403 Forbidden", DownloadForbidden),
        ("404 Not Found", DownloadMissing),
        ("503 Service Unavailable", DownloadFailed),
    ],
)
def test_the_servers_refusal_is_told(answer: list[bytes], status: str, error: type[Exception]) -> None:
    answer.append(f"HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\noops\n".encode())
    url = answer[0].decode()
    with pytest.raises(error) as caught:
        open_url(url)
    assert str(caught.value) == f"failed to GET {url} with status {status}: oops"


def test_a_redirect_is_followed_but_not_to_a_file(answer: list[bytes]) -> None:
    answer.append(b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n")
    answer.append(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    download = open_url(answer[0].decode())
    assert (download.length, download.read(10), download.read(10)) == (2, b"ok", b"")
    download.close()
    answer.append(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(DownloadFailed):
        open_url(answer[0].decode())


def test_an_answer_that_ends_early_is_no_archive(answer: list[bytes]) -> None:
    answer.append(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")
    download = open_url(answer[0].decode())
    assert download.read(100) == b"short"
    with pytest.raises(BadArchive, match="unexpected EOF"):
        download.read(100)
    download.close()
