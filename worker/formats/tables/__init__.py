"""Tables: CSV of features, Parquet, and what their columns mean."""
