"""Features of datasets: sets and their shards, how far they are, and their files; no route, no torch."""
