"""A linear model on the terms of texts, which ranks beside LIMIT; arrays in, arrays out."""
