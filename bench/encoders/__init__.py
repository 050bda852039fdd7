"""What an encoder costs and what plain detectors find on its features."""
