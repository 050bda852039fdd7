"""Pictures that are read in a bucket: how long reading, auditing and synchronising them takes."""
