"""Molecular dynamics of a model in ASE: first configuration, ensembles, what ends a run, and its files."""
