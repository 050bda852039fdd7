"""Routes below /v1/datasets: HTTP in and out, nothing else."""
