"""What the defaults in models/defaults.py are measured with."""
