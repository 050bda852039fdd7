"""Formats that hold pictures or features as arrays: npz, IDX, CIFAR."""
