"""What else is wrong with data: duplicates, outliers, and the neighbours that tell."""
