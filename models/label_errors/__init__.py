"""Label errors: their probabilities and number, the health of labels, and metrics of their detection."""
