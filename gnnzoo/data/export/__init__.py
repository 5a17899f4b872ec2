"""Datasets written as text for other programs: LAMMPS dumps, extended XYZ."""
