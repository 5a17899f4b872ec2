"""Exported models inside LAMMPS: the C++ plugin, its compilation on the user's machine, input files."""
