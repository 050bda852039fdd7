"""Finishing: an audit's runs become scores, files, metrics and issues."""
