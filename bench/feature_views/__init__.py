"""What ranks, and what counts, on the features of a pretrained encoder."""
