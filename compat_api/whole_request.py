"""A request that has nothing special about it: nearly all requests of Docker's clients.

Such a request needs no HTTP parser. Its body is short and read with it, or an archive, read by whoever unpacks that
(compat_api.long_body). What is special in any way (another body that is long or in chunks, an expectation, an upgrade
other than those that take a connection over, another version of HTTP, anything that might be read in two ways) is not
read here but left to aiohttp. Imports nothing: the front door uses it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from compat_api.long_body import LongBody

HEAD_BYTES = 16 * 1024  # of a request that is read here
BODY_BYTES = 128 * 1024
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE"))

_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_TARGET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+,;=:@/?"  # RFC 3986
_LINE = _TARGET + b" "  # behind the method
_PRINTABLE = bytes(range(32, 127))
_ONCE = frozenset(("host", "content-length", "connection", "transfer-encoding"))
_ARCHIVES = frozenset(("/images/load", "/images/create", "/build"))  # and below /containers
_KEPT = ("keep-alive", "close")  # what a plain request may say of its connection
_MOST_FIELDS = 100


class Headers:
    """A request's header fields by name, in any case; the first where there are several."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields  # names in lower case

    def get(self, name: str, default: str = "") -> str:
        """Return a field's value."""
        return self._fields.get(name.lower(), default)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._fields


class WholeBody:
    """The body of such a request, read as aiohttp's bodies are."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def iter_any(self) -> AsyncIterator[bytes]:
        """Yield all that has not been read."""
        if data := self.take():
            yield data

    def take(self) -> bytes:
        """Return all that has not been read, at once."""
        data, self._data = self._data, b""
        return data


class WholeRequest:
    """The request as handlers' requests need it from HTTP (compat_api.request.Request); its version is 1.1."""

    __slots__ = ("closes", "content", "headers", "length", "method", "path_qs")

    def __init__(self, method: str, target: str, fields: dict[str, str], body: bytes, length: int) -> None:
        self.method, self.path_qs = method, target
        self.headers = Headers(fields)
        self.content: WholeBody | LongBody = WholeBody(body)
        self.length = length  # of all of it, in bytes
        self.closes = self.headers.get("connection").lower() == "close"  # the client asks no more


class LongRequest(WholeRequest):
    """A request whose body is an archive; length is that of its head, and its content is the connection's to set."""

    __slots__ = ("body_length",)

    def __init__(self, method: str, target: str, fields: dict[str, str], head: int, body: int | None) -> None:
        super().__init__(method, target, fields, b"", head)
        self.body_length = body  # in bytes; None: it comes in chunks


class More:
    """Says that what is there is plain so far, but not all."""


MORE = More()


def read_whole(data: bytes, *, upgrades: bool = False) -> WholeRequest | More | None:
    """Return the request at the beginning of data, MORE where some of it is missing, None where it is not plain. Pure.

    upgrades: it may ask for another protocol.
    """
    end = data.find(b"\r\n\r\n", 0, HEAD_BYTES)
    if end < 0:
        return MORE if len(data) < HEAD_BYTES and _may_be_plain(data) else None
    line, *lines = data[:end].split(b"\r\n")
    words = _words_of(line)
    if words is None or len(lines) > _MOST_FIELDS:
        return None
    fields: dict[str, str] = {}
    for field in lines:
        name, colon, value = field.partition(b":")
        name = name.lower()
        if not (name and colon) or name.translate(None, _TOKEN) or value.translate(None, _PRINTABLE):
            return None
        text = name.decode()
        if text == "expect" or (text in fields and text in _ONCE):
            return None
        fields.setdefault(text, value.decode().strip(" "))
    if "host" not in fields:
        return None
    if not upgrades and ("upgrade" in fields or fields.get("connection", "close").lower() not in _KEPT):
        return None
    text = fields.get("content-length", "0")
    if not text.isdigit() or len(text) > 18:
        return None
    if (chunked := "transfer-encoding" in fields) or int(text) > BODY_BYTES:
        if not _takes_archive(*words) or (chunked and not _chunks_alone(fields)):
            return None
        return LongRequest(*words, fields, end + 4, None if chunked else int(text))
    length = end + 4 + int(text)
    if len(data) < length:
        return MORE
    return WholeRequest(*words, fields, data[end + 4 : length], length)


def _takes_archive(method: str, target: str) -> bool:
    """Tell whether a request's body is an archive; in doubt, no."""
    path = target.partition("?")[0]
    if method == "PUT":
        return path.endswith("/archive")
    parts = path.split("/", 2)
    return method == "POST" and (path in _ARCHIVES or (parts[1][:1] == "v" and "/" + parts[-1] in _ARCHIVES))


def _chunks_alone(fields: dict[str, str]) -> bool:
    """Tell whether a body comes in chunks, and nothing else is said of it."""
    return fields["transfer-encoding"].lower() == "chunked" and "content-length" not in fields


def _words_of(line: bytes) -> tuple[str, str] | None:
    """Return a request line's method and target, None for one that is not plain."""
    words = line.split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1" or words[1][:1] != b"/" or words[1].translate(None, _TARGET):
        return None
    method = words[0].decode("latin-1")
    return (method, words[1].decode()) if method in METHODS else None


def _may_be_plain(data: bytes) -> bool:
    """Tell whether the beginning of a head may become a plain one."""
    line, end, fields = data.partition(b"\r\n")
    if not end:
        method, space, target = line.removesuffix(b"\r").partition(b" ")
        if not space:
            return any(each.startswith(method.decode("latin-1")) for each in METHODS)
        return method.decode("latin-1") in METHODS and target[:1] in (b"", b"/") and not target.translate(None, _LINE)
    lines = fields.removesuffix(b"\r").split(b"\r\n")
    return _words_of(line) is not None and not any(each.translate(None, _PRINTABLE) for each in lines)
