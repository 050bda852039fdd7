"""Faster execution of the same training steps: on several devices, in parallel, recorded or compiled."""
