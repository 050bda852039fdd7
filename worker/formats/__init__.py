"""Readers of every accepted upload format: files to samples and problems."""
