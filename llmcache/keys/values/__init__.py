"""Arguments and constants become canonical bytes. `canonical` is the way in."""
