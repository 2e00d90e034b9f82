"""Which proxy a URL goes through, as Go programs choose."""

from __future__ import annotations

import pytest

from engine.registry.proxies import proxy_for

BOTH = {"HTTP_PROXY": "http://p:3128", "https_proxy": "q:3129"}


@pytest.mark.parametrize(
    ("url", "more", "proxy"),
    [
        ("http://r.example/v2/", {}, "http://p:3128"),
        ("https://r.example/v2/", {}, "http://q:3129"),
        ("http://localhost:5000/v2/", {}, None),
        ("http://127.0.0.2:5000/v2/", {}, None),
        ("https://[::1]:5000/v2/", {}, None),
        ("https://r.example/", {"NO_PROXY": "*"}, None),
        ("https://r.example/", {"NO_PROXY": "example"}, None),
        ("https://r.example/", {"no_proxy": " other, .example "}, None),
        ("https://example/", {"NO_PROXY": ".example"}, "http://q:3129"),
        ("https://r.example/", {"NO_PROXY": "xample"}, "http://q:3129"),
        ("https://r.example:5000/", {"NO_PROXY": "r.example:5001"}, "http://q:3129"),
        ("https://r.example:5000/", {"NO_PROXY": "r.example:5000"}, None),
        ("https://r.example/", {"NO_PROXY": "r.example:443"}, None),
        ("https://10.1.2.3/", {"NO_PROXY": "10.0.0.0/8"}, None),
        ("https://10.1.2.3/", {"NO_PROXY": "10.1.2.3"}, None),
        ("https://11.1.2.3/", {"NO_PROXY": "10.0.0.0/8,bad/x"}, "http://q:3129"),
    ],
)
def test_choice(url: str, more: dict[str, str], proxy: str | None) -> None:
    assert proxy_for(url, BOTH | more) == proxy


def test_none_without_variables() -> None:
    assert proxy_for("http://r.example/", {}) is None
