"""Options that several commands share: how files are read, and what is written."""
