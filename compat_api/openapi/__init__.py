"""Writes the OpenAPI document and what is made of it; tools of development, which the server does not import.

`python -m compat_api.openapi` writes, into the project it is called in:
 - openapi/skiff-v1.51.yaml, the document,
 - compat_api/openapi.json, the same as it is served at /openapi.json: reading it takes 0.1 ms, making it 390,
 - openapi/coverage.md, the document beside what dockerd's own says (openapi/dockerd-v1.51.json).
--check only compares. `python -m compat_api.openapi facts FILE` makes the last one of dockerd's document.
"""
