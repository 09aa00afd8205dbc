"""A function becomes pieces: what it does, and all that it reads. `follow` is the way in."""
