"""Zip and tar archives of pictures, and the tables inside that name their labels."""
