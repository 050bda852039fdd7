"""Routes: they read requests and write answers; the services do the work."""
