"""Measures the model of label errors on data whose wrong labels are known."""
