"""Zip and tar archives of pictures, and the tables in them that hold the labels."""
