"""From dumps to padded graph batches: dump -> frames -> H5MD -> split -> neighbours -> batch."""
