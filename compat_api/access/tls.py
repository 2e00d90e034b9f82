"""TCP with TLS and certificates of clients: docker's --tlsverify.

Each connection is decrypted into a socket pair, at whose other end the server sees a plain stream. asyncio's own TLS
ends a connection with the client's close_notify; here it is what it is for docker's clients, the end of their input:
the answer still goes out.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

CHUNK = 64 * 1024
HANDSHAKE_SECONDS = 10.0
_IN_CLEAR = (b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO", b"DELET")
_REFUSAL = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


class BadCertificate(Exception):
    """The files that --tlsverify needs are missing or no certificates; the text says which."""


def make_context(authority: str, certificate: str, key: str) -> ssl.SSLContext:
    """Return a server's context that lets in nobody without a certificate of the authority. Raises BadCertificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise BadCertificate(f"cannot read --tlscert {certificate} and --tlskey {key}: {error}") from None
    try:
        context.load_verify_locations(authority)
    except (OSError, ssl.SSLError) as error:
        raise BadCertificate(f"cannot read --tlscacert {authority}: {error}") from None
    return context


def peer_name(certificate: object) -> str:
    """Return the common name in a peer's certificate, as ssl gives it, "-" for none."""
    if isinstance(certificate, dict):
        for part in certificate.get("subject", ()):
            for name, value in part:
                if name == "commonName":
                    return ascii(value)[1:-1]
    return "-"


class Decrypted:
    """One client's connection: inner is what the server serves, peer says who the client is, once that is known."""

    def __init__(self, outer: socket.socket, context: ssl.SSLContext) -> None:
        self.inner, self._near = socket.socketpair()
        self._outer = outer
        self.address = "{}:{}".format(*outer.getpeername()[:2])
        self.peer = f"address={self.address} name=-"
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._sending = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        for each in (self.inner, self._near, outer):
            each.setblocking(False)

    async def run(self) -> None:
        """Shake hands, then carry bytes both ways until both sides have ended."""
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await self._shake_hands()
            self.peer = f"address={self.address} name={peer_name(self._tls.getpeercert())}"
            sending = asyncio.create_task(self._to_client(), name="encrypt")
            try:
                await self._from_client()  # returns when the client has gone, whatever there is to send
            finally:
                sending.cancel()
        except (OSError, ssl.SSLError, TimeoutError):
            pass  # the client has gone, or is none of ours
        finally:
            with contextlib.suppress(OSError):
                await self._flush()  # the alert that tells a client why it is refused
            self._near.close()
            self._outer.close()

    async def _shake_hands(self) -> None:
        if (await self._receive()).startswith(_IN_CLEAR):
            await self._loop.sock_sendall(self._outer, _REFUSAL)
            raise ConnectionAbortedError("the client speaks without TLS")
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._receive()
        await self._flush()

    async def _receive(self) -> bytes:
        """Take encrypted bytes from the client, and return them. Raises ConnectionError at their end."""
        await self._flush()
        data = await self._loop.sock_recv(self._outer, CHUNK)
        if not data:
            raise ConnectionResetError("the client has gone")
        self._incoming.write(data)
        return data

    async def _from_client(self) -> None:
        while True:
            try:
                data = self._tls.read(CHUNK)
            except ssl.SSLWantReadError:
                await self._receive()
                continue
            except ssl.SSLZeroReturnError:
                data = b""
            if not data:
                break
            await self._loop.sock_sendall(self._near, data)
        self._near.shutdown(socket.SHUT_WR)
        # What comes after the client's last word can only be the end of the connection itself.
        await self._loop.sock_recv(self._outer, CHUNK)

    async def _to_client(self) -> None:
        while data := await self._loop.sock_recv(self._near, CHUNK):
            self._tls.write(data)
            await self._flush()
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()  # says that nothing more comes
        await self._flush()
        with contextlib.suppress(OSError):
            self._outer.shutdown(socket.SHUT_RDWR)

    async def _flush(self) -> None:
        async with self._sending:
            while data := self._outgoing.read():
                await self._loop.sock_sendall(self._outer, data)
