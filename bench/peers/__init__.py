"""Which labels are wrong? LIMIT, AUM, confident learning and the plain loss on the same data and networks."""
