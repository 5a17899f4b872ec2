"""Training: losses, schedule, augmentation, checkpoints and the loop that joins them."""
