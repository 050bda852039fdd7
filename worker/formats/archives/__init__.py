"""Uploaded files, zips and tars: what they are, their members and names."""
