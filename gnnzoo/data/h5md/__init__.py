"""Datasets in the H5MD layout of HDF5: reader and writer."""
