"""Operations on datasets: receive files, attach truth and probabilities, list samples."""
