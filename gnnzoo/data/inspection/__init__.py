"""What a dataset holds: ranges, drift, RDF, units, rounding error, recommended cutoffs."""
