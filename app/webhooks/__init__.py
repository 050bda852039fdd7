"""Addresses that are told when audits end."""
