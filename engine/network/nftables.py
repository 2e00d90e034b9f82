"""The firewall, by libnftables in this process; each call is one transaction of the kernel's.

The library is loaded on first use. Its context is not for several threads at once, so calls take turns.
"""

from __future__ import annotations

import ctypes
import functools
import threading

from engine.errors import EngineError, Unavailable

LIBRARY = "libnftables.so.1"

_turn = threading.Lock()


class FirewallMissing(Unavailable):
    """nftables is not installed."""

    def __init__(self) -> None:
        super().__init__(f"cannot find {LIBRARY}: install nftables")


class FirewallFailed(EngineError):
    """The kernel or the library refused a command."""

    def __init__(self, command: str, text: str) -> None:
        super().__init__(f"cannot change the firewall: {text.strip()}")
        self.command = command
        self.text = text


def run(command: str) -> str:
    """Carry out nft commands, all or none, and return what they print. Raises FirewallFailed, FirewallMissing."""
    library, context = _open()
    with _turn:
        status = library.nft_run_cmd_from_buffer(context, command.encode())
        output = library.nft_ctx_get_output_buffer(context)
        error = library.nft_ctx_get_error_buffer(context)
    if status:
        raise FirewallFailed(command, (error or b"").decode(errors="replace"))
    return (output or b"").decode(errors="replace")


@functools.cache
def _open() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    library = _library()
    return library, _context(library)


def _context(library: ctypes.CDLL) -> ctypes.c_void_p:
    context = ctypes.c_void_p(library.nft_ctx_new(0))
    library.nft_ctx_buffer_output(context)
    library.nft_ctx_buffer_error(context)
    return context


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise FirewallMissing from error
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
        getattr(library, name).restype = ctypes.c_char_p
    return library
