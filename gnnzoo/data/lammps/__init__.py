"""LAMMPS: dumps read in parallel, logs, and runs of its simulations."""
