"""The typed configuration of a training, and the defaults for what a user left open."""
