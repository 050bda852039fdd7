"""HTTP API, tables, storage, queue, client and command line. Never imports torch, worker or models."""
