"""Writing of packs: the samples of a source as one array and one table."""
