"""Webhooks: messages to URLs when audits end."""
