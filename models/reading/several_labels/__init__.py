"""Labels of samples that have several classes: sets in one cell, and a cell for each class."""
