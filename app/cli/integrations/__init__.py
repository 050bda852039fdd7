"""Commands about other systems: addresses that get messages, buckets that are read in place."""
