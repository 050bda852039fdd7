"""What routes share: callers, dependencies, idempotency, rendering of rows."""
