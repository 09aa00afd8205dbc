"""Arguments, schema and code become a key."""
