"""Transfer learning: weights of a trained model copied, refitted and trained on another substance."""
