"""The typed configuration of a training, and the defaults of the fields that a user did not set."""
