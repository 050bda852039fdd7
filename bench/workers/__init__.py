"""How work spreads over workers."""
