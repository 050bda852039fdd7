"""Wrong classes of boxes in generated scenes: how many are found, by what, and with how much around a box."""
