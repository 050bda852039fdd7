"""Which labels are wrong: error probabilities, counts, rankings and their measures."""
