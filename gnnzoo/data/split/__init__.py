"""Training, validation and test split of correlated trajectories."""
