"""Rankings of texts beside what others do with the same texts."""
