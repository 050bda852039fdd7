"""The networks, and their pretrained weights."""
