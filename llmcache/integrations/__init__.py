"""Other tools; opted into and imported lazily."""
