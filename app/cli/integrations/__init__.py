"""Commands about other systems: addresses that get messages, buckets and the hub that are read in place."""
