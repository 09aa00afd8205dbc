"""Cached functions: what is said at decoration, stands in their place, and can be asked."""
