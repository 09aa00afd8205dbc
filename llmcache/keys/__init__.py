"""Arguments, schema and code become a key.

A call is bound (`binding`), its arguments are encoded (`canonical`), and what the function is and
reads is found out (`code`, `follow`, `schema`, `clients`); `key` puts them together and `explain`
tells two keys apart. Nothing here knows a backend.

The names below are loaded from their own files: `llmcache.keys.key` for `FunctionKeys`, `CacheKey`
and `ResultType`, `llmcache.keys.explain` for `nearest` and `Explanation`.
"""
