"""The infrastructure: database, queue, storage, leases, logs."""
