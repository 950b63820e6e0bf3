"""Fixtures of downloads."""

from tests.mirror import content, default_cache, mirror, promise_head, published, wrapped

__all__ = ["content", "default_cache", "mirror", "promise_head", "published", "wrapped"]
