"""Routes of the service itself: health, metrics, logins, webhooks, the log of changes, pages."""
