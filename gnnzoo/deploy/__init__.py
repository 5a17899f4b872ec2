"""Models leave the house: a folder that TensorFlow alone can run."""
