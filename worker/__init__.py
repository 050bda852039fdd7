"""Background work: ingestion, training and finishing."""
