"""Checks between the sections of a recipe that need neither data nor TensorFlow."""
