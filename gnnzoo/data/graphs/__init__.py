"""Frames to padded graph batches: neighbour lists, wave vectors, caching, training statistics."""
