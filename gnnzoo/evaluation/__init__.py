"""Tables and plots of errors, and dimer force curves."""
