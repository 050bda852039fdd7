"""Routes below /v1/audits."""
