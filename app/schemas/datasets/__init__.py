"""A dataset, its samples, its versions, its annotators, and where its errors come from."""
