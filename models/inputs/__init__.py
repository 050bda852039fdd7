"""From an array of samples to a network's input: checks, order, batches, augmentation."""
