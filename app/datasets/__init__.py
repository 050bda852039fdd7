"""What the service does with datasets: take files, attach truth and probabilities, show samples."""
