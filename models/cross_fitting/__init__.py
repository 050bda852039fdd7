"""Which labels a network is blind to, and what that tells: memorisation, out-of-sample evidence."""
