"""Talking to image registries (the distribution specification's API, version 2)."""
