"""SHA-256 of short texts, without loading OpenSSL, which takes as long as ten of the engine's modules.

hashlib's own, twice as fast on what is long, is for layers and archives.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha2 import sha256
    except ImportError:
        try:
            from _sha256 import sha256  # before Python 3.12
        except ImportError:  # a Python that was built without its own
            from hashlib import sha256

__all__ = ["sha256"]
