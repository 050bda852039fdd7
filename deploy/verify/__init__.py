"""Verification of the deployment files without a Docker daemon; see __main__."""
