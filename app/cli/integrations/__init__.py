"""Commands about other systems that the service talks to: addresses that get messages, buckets that it reads."""
