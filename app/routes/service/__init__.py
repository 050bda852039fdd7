"""Routes of the service itself: health, metrics, logins, webhooks, activity log, pages."""
