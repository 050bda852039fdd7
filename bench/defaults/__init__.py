"""What the defaults in models/configuration/defaults.py are measured with."""
