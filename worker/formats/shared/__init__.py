"""What every reader uses: samples, problems, label codes, limits, column names."""
