"""Finishing: from an audit's runs to scores, files, metrics and issues."""
