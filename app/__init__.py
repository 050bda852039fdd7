"""HTTP API, tables, storage, queue, client and command line. Never torch or worker."""
