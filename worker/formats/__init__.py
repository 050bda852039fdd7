"""Readers of the accepted upload formats: they turn files into samples and problems."""
