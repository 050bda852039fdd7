"""Mixed tables with known truth: what ranks on them, and where the cut falls."""
