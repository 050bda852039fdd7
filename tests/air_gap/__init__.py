"""The service in a network namespace without a route: it works, and nothing tries to reach out."""
