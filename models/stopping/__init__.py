"""What a training watches to choose its best epoch, to stop early, and to tell when memorisation begins."""
