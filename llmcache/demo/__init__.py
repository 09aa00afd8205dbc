"""The demo: a dozen invoices, extracted twice, with the second pass from the cache."""
