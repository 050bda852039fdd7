"""People's verdicts on samples, and how far a review has come."""
