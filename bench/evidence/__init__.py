"""Cross-fitted trainings against one-fold ones and out-of-sample peers: small data, pairs of classes."""
