"""What exists, by name, without torch: app, worker and models may all import it."""
