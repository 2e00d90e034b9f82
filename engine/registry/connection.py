"""HTTP with one registry: TLS or not, credentials, proxies, redirections, and patience with a busy server.

aiohttp's client is imported when a connection begins, never with the engine. What goes wrong is raised as an error of
the engine, in the words of dockerd: nothing of aiohttp's comes out of here.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from engine.errors import EngineError
from engine.off_loop import off_loop
from engine.registry.authorization import Authorization, TokenRequest, challenges
from engine.registry.certificates import certificates_of, context_for
from engine.registry.hosts import Credentials, RegistryUnreachable, explain, is_local
from engine.registry.proxies import proxy_for
from engine.registry.refusals import BadContent, RegistryRefused, refusal
from engine.version import DOCKER_VERSION

if TYPE_CHECKING:
    import ssl

    from aiohttp.client import ClientSession
    from aiohttp.client_reqrep import ClientResponse

CONNECT_SECONDS = 30.0
SILENT_SECONDS = 60.0  # without a byte
REDIRECTS = 10
PATIENCE = (0.5, 1.0, 2.0, 4.0)  # seconds before asking a busy registry again
LONGEST_WAIT = 30.0  # of what a registry may ask for in Retry-After
ERROR_BYTES = 64 * 1024
TOKEN_BYTES = 1 << 20
_BUFFER = 512 * 1024
_REDIRECTIONS = (301, 302, 303, 307, 308)
_BUSY = (429, 500, 502, 503, 504)


@dataclass
class Connection:
    """One registry at host, as a context manager that may be entered several times; connect before anything else.

    insecure: TLS need not prove anything, and HTTP will do, as for all registries on this machine's loopback.
    """

    host: str
    credentials: Credentials
    insecure: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    base: str = ""  # scheme and host, once connected
    _session: ClientSession | None = None
    _users: int = 0
    _authorization: Authorization = field(init=False)

    def __post_init__(self) -> None:
        self._authorization = Authorization(self.credentials)

    async def __aenter__(self) -> Self:
        self._users += 1
        if self._session is not None:
            return self
        try:
            await off_loop(_import_client)
            self.insecure = self.insecure or await off_loop(is_local, self.host)
        except BaseException:
            self._users -= 1
            raise
        from aiohttp.client import ClientSession, ClientTimeout
        from aiohttp.connector import TCPConnector
        from aiohttp.cookiejar import DummyCookieJar

        self._session = ClientSession(
            connector=TCPConnector(limit=0, keepalive_timeout=SILENT_SECONDS),
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS),
            read_bufsize=_BUFFER,
            headers={"User-Agent": f"docker/{DOCKER_VERSION}"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._users -= 1
        if self._users == 0 and self._session is not None:
            session, self._session = self._session, None
            await session.close()

    @property
    def schemes(self) -> tuple[str, ...]:
        """How the registry may be spoken with, the best first."""
        return ("https", "http") if self.insecure else ("https",)

    async def connect(self) -> None:
        """Find out how the registry is spoken with, and what it asks for. Raises RegistryUnreachable."""
        last: EngineError | None = None
        for scheme in self.schemes:
            url = f"{scheme}://{self.host}/v2/"
            try:
                async with self.exchange("GET", url, {}) as response:
                    self.base = f"{scheme}://{self.host}"
                    self._authorization.challenges = challenges(response.headers.getall("WWW-Authenticate", []))
                    return
            except RegistryUnreachable as error:
                last = error
        assert last is not None
        raise last

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        scopes: tuple[str, ...] = (),
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        allowed: tuple[int, ...] = (),
    ) -> AsyncIterator[ClientResponse]:
        """Ask, and give the answer: a good one, or one of the allowed statuses. path may be a whole URL.

        A busy registry is asked again, unless data is a stream, which can be sent once only. Raises
        RegistryUnreachable, RegistryRefused, NoCredentials.
        """
        url = urllib.parse.urljoin(self.base, path)
        again = data is None or isinstance(data, bytes)
        refreshed, waits = False, iter(PATIENCE if again else ())
        while True:
            sent = dict(headers or {})
            if self._is_own(url) and (proof := await self._authorization.header(method, url, scopes, self._token)):
                sent["Authorization"] = proof
            async with self.exchange(method, url, sent, data) as response:
                if response.status < 400 or response.status in allowed:
                    yield response
                    return
                error = await _refused(response)
                found = challenges(response.headers.getall("WWW-Authenticate", []))
                wait = _asked_for(response.headers.get("Retry-After", ""))
            if error.status == 401 and again and not refreshed and self._is_own(url) and found:
                refreshed = True
                self._authorization.challenges = found
                self._authorization.forget(scopes)
                continue
            if error.status not in _BUSY or (pause := next(waits, None)) is None:
                raise error
            await asyncio.sleep(max(pause, wait))

    def _is_own(self, url: str) -> bool:
        """Whether a URL is the registry's, so that it may see the credentials."""
        return urllib.parse.urlsplit(url).netloc == self.host

    async def _token(self, wanted: TokenRequest) -> tuple[int, bytes]:
        method = "POST" if wanted.body else "GET"
        data = wanted.body.encode() if wanted.body else None
        async with self.exchange(method, wanted.url, wanted.headers, data) as response:
            return response.status, await read_at_most(response, TOKEN_BYTES)

    @asynccontextmanager
    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], data: Any = None
    ) -> AsyncIterator[ClientResponse]:
        """Send a request and follow redirections, without the credentials where they lead to another host.

        What breaks while the answer is read is RegistryUnreachable, too.
        """
        from aiohttp.client_exceptions import ClientError
        from yarl import URL

        assert self._session is not None
        sent, asked = dict(headers), url
        try:
            for _ in range(REDIRECTS):
                response = await self._session.request(
                    method,
                    URL(asked, encoded=True),
                    headers=sent,
                    data=data,
                    allow_redirects=False,
                    proxy=proxy_for(asked, self.environment),
                    ssl=await self._context(asked),
                )
                async with response:
                    target = response.headers.get("Location", "")
                    if response.status not in _REDIRECTIONS or not target or method not in ("GET", "HEAD"):
                        yield response
                        return
                target = urllib.parse.urljoin(asked, target)
                if urllib.parse.urlsplit(target).netloc != urllib.parse.urlsplit(asked).netloc:
                    sent.pop("Authorization", None)
                if not target.startswith(("http://", "https://")):
                    raise BadContent(f"unsupported protocol scheme in the redirection to {target}")
                asked = target
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            raise unreachable(method, asked, error, proxy_for(asked, self.environment)) from None
        raise RegistryUnreachable(url, f"stopped after {REDIRECTS} redirects")

    async def _context(self, url: str) -> ssl.SSLContext | bool:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https":
            return True
        return await off_loop(_context_for, parts.netloc, self.insecure and parts.netloc == self.host)


def unreachable(method: str, url: str, error: Exception, proxy: str | None = None) -> RegistryUnreachable:
    """Return why an exchange broke, in the words of Go's net package."""
    found = RegistryUnreachable(url, _cause_at_proxy(error, proxy) if proxy else _cause(error, *_place(url)))
    found.args = (f'{method.capitalize()} "{url}": {found.cause}',)
    return found


def _place(url: str) -> tuple[str, int]:
    """Return the host and the port that a URL leads to."""
    parts = urllib.parse.urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _cause_at_proxy(error: Exception, proxy: str) -> str:
    match type(error).__name__:
        case "ClientHttpProxyError":
            return str(getattr(error, "message", "") or getattr(error, "status", ""))
        case "ClientProxyConnectionError":
            return f"proxyconnect tcp: {_cause(error, *_place(proxy))}"
        case "ValueError":
            return f"proxyconnect tcp: cannot use the proxy {proxy.rpartition('@')[2]}: {error}"
        case _:
            return _cause(error, *_place(proxy))


def _cause(error: Exception, host: str, port: int) -> str:
    import errno
    import ssl

    name = type(error).__name__
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    if isinstance(inner, Exception):
        error = inner
    if isinstance(error, ssl.SSLError) and getattr(error, "reason", "") in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST"):
        return "http: server gave HTTP response to HTTPS client"
    if isinstance(error, OSError) and error.errno == errno.ECONNREFUSED:
        error = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    if name in ("ServerDisconnectedError", "ClientPayloadError", "ClientConnectionResetError"):
        return "EOF" if name == "ServerDisconnectedError" else "unexpected EOF"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {_certificate_words(error)}"
    return explain(error, host, port)


def _certificate_words(error: Any) -> str:
    words = str(getattr(error, "verify_message", "") or error)
    if "self-signed" in words or "unable to get local issuer" in words or "self signed" in words:
        return "certificate signed by unknown authority"
    return words


def _context_for(netloc: str, insecure: bool) -> ssl.SSLContext:
    return context_for(certificates_of(netloc), insecure=insecure)


def _import_client() -> None:
    """Import aiohttp's client off the loop: it takes a tenth of a second."""


async def _refused(response: ClientResponse) -> RegistryRefused:
    return refusal(response.status, await read_at_most(response, ERROR_BYTES))


def _asked_for(text: str) -> float:
    """Return the seconds that Retry-After names; a date is not heeded."""
    return min(float(text), LONGEST_WAIT) if text.strip().isdecimal() else 0.0


async def read_at_most(response: ClientResponse, limit: int) -> bytes:
    """Return the whole body. Raises BadContent when it is longer than limit bytes."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > limit:
            raise BadContent(f"the answer of {response.url.host} is longer than {limit} bytes")
        parts.append(part)
    return b"".join(parts)
