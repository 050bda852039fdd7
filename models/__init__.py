"""Networks, training, LIMIT and the other methods, label errors and data issues: no database and no HTTP."""
