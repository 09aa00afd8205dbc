"""Where entries live. `llmcache.backends.base` says what a backend is."""
