"""Data issues other than label errors: duplicates and outliers, and the nearest neighbours that show them."""
