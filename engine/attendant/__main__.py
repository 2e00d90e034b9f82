"""`python -I -S __main__.py`: be the attendant; descriptor 3 is the control socket, which listens already."""

from __future__ import annotations

import os
import sys

CONTROL = 3


def main() -> None:
    """Serve until nobody needs it."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    # The package without what its __init__ imports.
    package = type(sys)("engine")
    package.__path__ = [folder]
    sys.modules["engine"] = package
    from engine.attendant.control import serve

    serve(CONTROL)
    os._exit(0)  # for Python to tidy up first takes milliseconds


if __name__ == "__main__":
    main()
