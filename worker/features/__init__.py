"""Features of a dataset: what a run waits for, and the job that computes one shard with an encoder."""
