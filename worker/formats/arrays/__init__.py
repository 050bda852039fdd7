"""Pictures and features that come as arrays: npz, IDX, CIFAR."""
