"""A request as handlers see it: what the client asked, and the ways to answer while the work is going on.

A handler is `async def name(request: Request) -> Answer`: decode, one engine call, encode. It chooses no error
status; exceptions are turned into answers by compat_api.errors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from compat_api.body_reader import BodyReader
from compat_api.headers import COMMON, NEWEST_VERSION
from compat_api.long_body import LongBody
from compat_api.problems import BadRequest
from compat_api.query import Query
from compat_api.replies import Chunks
from compat_api.stream import Stream
from compat_api.whole_request import WholeBody, WholeRequest
from engine.off_loop import in_a_hurry, off_loop

if TYPE_CHECKING:
    from compat_api.connection import Connection
    from compat_api.hijack import HijackedConnection
    from compat_api.lean_aiohttp import BaseRequest, StreamResponse
    from compat_api.routes import Route
    from engine import Engine
    from engine.build.request import Bounds
    from engine.images.load import Check
    from engine.storage.source import Readable

P = ParamSpec("P")
R = TypeVar("R")

LARGE = 128 * 1024  # bytes of JSON, which are read in some milliseconds
JSON_BODY_LIMIT = 4 * 1024 * 1024  # no request of Docker's API with a JSON body comes near it


class Request:
    """One request that a route was found for."""

    def __init__(
        self,
        http: BaseRequest | WholeRequest,
        connection: Connection,
        engine: Engine,
        route: Route,
        variables: dict[str, str],
        version: tuple[int, ...],
    ) -> None:
        self.http = http
        self.engine = engine
        self.route = route
        self.variables = variables
        self.version = (*version, 0, 0)[:2] if version else NEWEST_VERSION[:2]
        self._connection = connection
        self._whole: bytes | None = None  # the body, once it has been read
        self._kind: str | None = None  # the content type of a body that a policy has written
        self.scope = ""  # the label, KEY=VALUE, of the only objects that an answer may tell of
        self.labels: dict[str, str] = {}  # what everything that is made has to have, as a policy says
        self.bounds: Bounds | None = None  # what a policy holds a build to
        self.check_image: Check | None = None  # asked of each image that is loaded, where there is a policy
        self.may_name: Callable[[str], None] | None = None  # and of each name that an image is to be given
        self._reader: BodyReader | None = None
        self.answered = False  # the head of the answer is out
        self.streamed: StreamResponse | Chunks | None = None

    @property
    def method(self) -> str:
        """The request's method."""
        return self.http.method

    @property
    def name(self) -> str:
        """The path's {name} or {id}, without escapes."""
        return self.variables.get("name", "") or self.variables.get("id", "")

    @cached_property
    def query(self) -> Query:
        """The query's parameters; reading it may raise BadRequest."""
        _, _, text = self.http.path_qs.partition("?")
        return Query(text)

    def header(self, name: str) -> str:
        """Return a header, "" when there is none."""
        value: str = self.http.headers.get(name, "")
        return value

    def since(self, version: str | tuple[int, int]) -> bool:
        """Tell whether the client speaks at least this API version, one of compat_api.versions."""
        if isinstance(version, str):
            major, _, minor = version.partition(".")
            version = int(major), int(minor)
        return self.version >= version

    async def call(self, verb: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run one of the engine's sync verbs off the loop."""
        return await off_loop(verb, *args, **kwargs)

    async def hurry(self, verb: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a verb that nearly always takes but a moment, here if it does; see engine.off_loop."""
        return await in_a_hurry(verb, *args, **kwargs)

    async def look(self, verb: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a verb that reads a few rows and small files: it waits for nobody, so a thread would cost more."""
        return verb(*args, **kwargs)

    async def body(self, *, required: bool = False) -> Any:
        """Decode the JSON body as dockerd would, into the model that the route names, or what is like it.

        An empty one gives the model's defaults unless it is required.

        Raises BadRequest in dockerd's words.
        """
        from compat_api.decode import decode_body

        length_known = self._kind is not None or "Transfer-Encoding" not in self.http.headers
        kind = self._kind or self.header("Content-Type")
        decode = partial(decode_body, self.route.body, content_type=kind, required=required, length_known=length_known)
        return await self.reading(decode)

    async def reading(self, read: Callable[[bytes], R]) -> R:
        """Return what a function makes of the whole body; of a long one in a thread: others are answered meanwhile."""
        data = await self.raw_body()
        return read(data) if len(data) < LARGE else await off_loop(read, data)

    async def raw_body(self, limit: int = JSON_BODY_LIMIT) -> bytes:
        """Return the whole body, as often as it is asked for; raises BadRequest when it is longer than limit bytes."""
        if self._whole is not None:
            return self._whole
        if isinstance(self.http.content, WholeBody):
            self._whole = self.http.content.take()
            return self._whole
        parts, size = [], 0
        async for part in self.body_parts():
            size += len(part)
            if size > limit:
                self._connection.last_answer = True
                raise BadRequest("http: request body too large", status=413)
            parts.append(part)
        self._whole = b"".join(parts)
        return self._whole

    def pin(self, object_id: str) -> None:
        """Let the path name an object by its full id, as the policy has found it."""
        self.variables = dict.fromkeys(self.variables, object_id)

    def rewrite(self, **members: object) -> None:
        """Replace members of the JSON body, however they are spelled; it has been read and is an object or nothing."""
        from engine import go_json

        read = go_json.loads(self._whole or b"null") or {}
        lower = {name.lower() for name in members}
        kept = {name: value for name, value in read.items() if name.lower() not in lower}
        self._whole = go_json.bytes_of(go_json.dumps(kept | members))
        self._kind = "application/json"

    def body_reader(self) -> Readable:
        """Return the body as a file that a thread reads, until the request is answered."""
        if isinstance(self.http.content, LongBody):
            return self.http.content
        self._reader = BodyReader(self.http)
        return self._reader

    def release(self) -> None:
        """Leave what is left of the body to the connection; the request is answered."""
        if self._reader is not None:
            self._reader.close()

    def body_parts(self) -> AsyncIterator[bytes]:
        """Return the body's bytes as they come, for archives."""
        parts: AsyncIterator[bytes] = self.http.content.iter_any()
        return parts

    async def stream(
        self,
        content_type: str | None = "application/json",
        *,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (),
        at_once: bool = True,
    ) -> Stream:
        """Send the answer's head and return what its body is written to; None is for no content type.

        at_once: not only with the first bytes of the body.
        When the client goes away, the handler is cancelled.
        """
        self.answered = True
        labelled = (("Content-Type", content_type),) if content_type is not None else ()
        ordered = sorted((*COMMON, *labelled, *headers), key=lambda each: each[0])  # as Go does
        if isinstance(self.http, WholeRequest):
            self.streamed = Chunks(self._connection, status, ordered, at_once=at_once)
        else:
            from compat_api.parsed import begin_stream

            self.streamed = await begin_stream(self.http, status, ordered, close=self._connection.last_answer)
        return Stream(self.streamed)

    async def hijack(self, content_type: str | None, *, head: bytes | None = None) -> HijackedConnection:
        """Take the connection over: answer 101 to a client that asked for an upgrade, else 200, then raw bytes.

        content_type: of the stream; where the client did not ask for an upgrade it is dockerd's raw stream in any
        case. head replaces the whole answer. The handler closes the connection when it is done.
        """
        self.answered = True
        if head is None:
            kind = content_type or RAW_STREAM
            if "Upgrade" in self.http.headers:
                head = UPGRADED % kind.encode()
            else:
                head = NOT_UPGRADED % RAW_STREAM.encode()
        return self._connection.take_over(head)


RAW_STREAM = "application/vnd.docker.raw-stream"
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: %s\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
NOT_UPGRADED = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n"
