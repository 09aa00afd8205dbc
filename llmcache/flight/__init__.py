"""One computation a key, in this process and by leases in all others; shared streams."""
