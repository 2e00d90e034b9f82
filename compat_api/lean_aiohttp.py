"""Importing aiohttp's server without its client.

`import aiohttp` imports the client and with it the connector, which reads the machine's certificate authorities:
half of the time that the server takes to start. Here the package is entered without running its __init__, so that only
the server's own modules are imported. When that does not work with some version of aiohttp, the plain import
is used. Import names from here instead of from aiohttp.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec


def _enter_package() -> bool:
    """Put aiohttp's package into sys.modules without running it; False when it is there or cannot be found."""
    if "aiohttp" in sys.modules:
        return False
    spec = PathFinder.find_spec("aiohttp")
    if spec is None or spec.submodule_search_locations is None:
        return False
    package = module_from_spec(spec)
    package.__dict__["__version__"] = "0"  # aiohttp.http makes a User-Agent of it; we send none
    sys.modules["aiohttp"] = package
    return True


def _prepare() -> None:
    """Enter the package, and leave it again when its server cannot be imported so."""
    if not _enter_package():
        return
    try:
        __import__("aiohttp.web_server")
    except (ImportError, AttributeError):
        for name in [name for name in sys.modules if name == "aiohttp" or name.startswith("aiohttp.")]:
            del sys.modules[name]


_prepare()

from aiohttp.http import HttpVersion10, HttpVersion11  # noqa: E402
from aiohttp.web_protocol import RequestHandler  # noqa: E402
from aiohttp.web_request import BaseRequest  # noqa: E402
from aiohttp.web_response import Response, StreamResponse  # noqa: E402
from aiohttp.web_server import Server  # noqa: E402

__all__ = [
    "BaseRequest",
    "HttpVersion10",
    "HttpVersion11",
    "RequestHandler",
    "Response",
    "Server",
    "StreamResponse",
]
