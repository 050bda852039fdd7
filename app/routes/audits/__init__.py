"""Routes below /v1/audits: HTTP in and out, nothing else."""
