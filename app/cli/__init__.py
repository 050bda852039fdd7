"""The command line. Data goes to stdout, progress and errors to stderr."""
