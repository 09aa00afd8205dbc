"""Values become bytes and come back as they were."""
