"""Faster ways to take the same steps: several devices, CUDA graphs, compiled kernels."""
