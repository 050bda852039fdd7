"""Writing packs: samples of any source as one array and one table."""
