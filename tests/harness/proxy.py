"""An HTTP proxy on loopback that leads every name to a place of the test's choice: by CONNECT, and by whole URLs.

It stands for the proxy of a network from which nothing else leads out: only it knows where the names are.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_HEAD = 64 * 1024


@dataclass
class Proxy:
    """What the proxy is asked, and how it answers."""

    places: Mapping[str, int]  # host:port to a port on loopback
    user: str = ""  # name:password that it wants to see
    refuses: str = ""  # a status line's end, with which it answers everything
    asked: list[str] = field(default_factory=list)  # request lines, without the version
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one connection."""
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._exchange(reader, writer)
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        self.asked.append(f"{method} {target}")
        proof = "Basic " + base64.b64encode(self.user.encode()).decode()
        shown = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("proxy-authorization:")]
        if self.refuses or (self.user and shown != [proof]):
            answer = self.refuses or "407 Proxy Authentication Required"
            writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            return
        parts = urllib.parse.urlsplit(f"//{target}" if method == "CONNECT" else target)
        port = self.places.get(parts.netloc)
        if port is None:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        there, to_there = await asyncio.open_connection("127.0.0.1", port)
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                # One request a connection, so that the next one is seen, too.
                kept = [line for line in lines if not line.lower().startswith(("proxy-", "connection:"))]
                path = parts._replace(scheme="", netloc="").geturl() or "/"
                to_there.write("\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]).encode())
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, to_there), name="to the server")
                both.create_task(_pump(there, writer), name="to the client")
        finally:
            to_there.close()


@asynccontextmanager
async def proxy(places: Mapping[str, int], user: str = "") -> AsyncIterator[Proxy]:
    """Run a proxy that knows these places."""
    found = Proxy(places, user)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, limit=_HEAD)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(_HEAD):
            target.write(data)
            await target.drain()
    with contextlib.suppress(OSError):
        target.write_eof()
