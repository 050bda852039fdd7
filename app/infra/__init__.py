"""What the service stands on: database, queue, storage, leases, logs."""
