"""Extended XYZ files and ASE trajectories: frames with named quantities, of which the keys, units and signs vary."""
