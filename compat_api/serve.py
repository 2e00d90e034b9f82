"""The file that a unit has Python run: what `python -m compat_api` does, begun ten milliseconds earlier.

-m brings in runpy and with it half of the import system in Python. A file that is named instead is compiled at every
start, so this one holds nothing but a call. It is run with -P, so that nothing in this folder stands in for a module
of Python's own.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    project = __file__.rpartition("/")[0].rpartition("/")[0]
    if project not in sys.path:  # a checkout that is not installed, or beside one that is
        sys.path.insert(0, project)
    from compat_api.__main__ import main

    sys.exit(main(sys.argv[1:]))
