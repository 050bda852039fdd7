"""From an array of samples to batches on a device: checks, split and order, standardisation, batches."""
