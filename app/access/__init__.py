"""Access: keys, browser sessions, rate limits, the log of changes."""
