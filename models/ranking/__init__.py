"""What ranks: every score and the order it gives; no torch.

Nothing else decides what ranks. How signals are recorded belongs to `models.training`.
"""
