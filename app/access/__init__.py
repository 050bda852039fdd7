"""Who may do what, and who did: keys, browser sessions, rate limits, the log of changes."""
