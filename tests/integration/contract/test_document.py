"""The API's document as others read it."""

from __future__ import annotations

import json

from openapi_spec_validator import validate

from compat_api.openapi.document import document


def test_the_document_is_valid() -> None:
    validate(json.loads(json.dumps(document())))
