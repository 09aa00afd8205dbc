"""Entries on a Redis or Valkey server. `backend` is the whole, the other modules its parts."""

from __future__ import annotations

from llmcache.backends.redis.backend import RedisBackend

__all__ = ["RedisBackend"]
