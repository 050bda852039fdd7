"""Sentences of the command line about the service's answers; nothing here prints or asks."""
