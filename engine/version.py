"""The versions that Skiff goes by, in the one place that everything else reads them from.

The packaging takes VERSION from here; it must stay a plain literal.
"""

from __future__ import annotations

VERSION = "0.1.0"  # of Skiff itself

API_VERSION = "1.51"  # the newest Docker Engine API that we speak
MIN_API_VERSION = "1.24"  # the oldest
DOCKER_VERSION = "28.5.2"  # the dockerd whose behaviour we follow, and that clients see
