"""Reads the folders of DeePMD-kit: systems of `type.raw` with sets of arrays."""
