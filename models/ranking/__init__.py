"""The scores that rank samples, and the order they give; without torch.

No other code decides the ranking. `models.training` records the signals.
"""
