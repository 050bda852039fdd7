"""Label errors: the signals that rank, the health of labels, rehearsals, and metrics of detection."""
