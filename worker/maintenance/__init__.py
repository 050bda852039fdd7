"""Periodic work: lost messages, expired uploads, retention, webhook deliveries."""
