"""The service on a GPU: audits with times and utilisation, memory given back, cancel, resume."""
