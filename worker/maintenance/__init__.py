"""Periodic work: lost messages, expired uploads, old rows, webhook deliveries."""
