"""Frames, blocks of frames, and what is computed from them alone: geometry, force statistics, fingerprints."""
