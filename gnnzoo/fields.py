"""Names, shapes, dtypes and units of all arrays in frames, batches and model outputs.

A *frame* is one time step of a dump or dataset: float64, absolute positions, atoms ordered by id. A *batch* is the
input of a model: one or more graphs, concatenated and padded to fixed sizes, float32.

Edge (j -> i) has sender j and receiver i. Its vector points from the receiver to the sender, r_ij = r_j - r_i + S.cell,
where S counts the periodic images crossed. Edges are listed in both directions, sorted by receiver.
"""

# --- a frame (gnnzoo.data.frames.frame.Frame) -----------------------------------------------------------------------
# positions   (atoms, 3)  float64 | length   | absolute, wrapped or unwrapped as in the dump
# forces      (atoms, 3)  float64 | force    |
# cell        (3, 3)      float64 | length   | rows are the lattice vectors
# origin      (3,)        float64 | length   | corner of the cell from which the lattice vectors start
# pbc         (3,)        bool    |          | periodic along each lattice vector
# ids         (atoms,)    int64   |          | LAMMPS ids, ascending
# types       (atoms,)    int32   |          | LAMMPS types, counted from 1
# names       (atoms,)    str     |          | the name of each atom's type; the number as text where undeclared
# molecules   (atoms,)    int64   |          | molecule ids, or None
# charges     (atoms,)    float64 | charge   | or None
# velocities  (atoms, 3)  float64 | velocity | or None
# images      (atoms, 3)  int32   |          | image flags, or None
# energies    (atoms,)    float64 | energy   | potential energy of each atom, or None
# energy      ()          float64 | energy   | potential energy of the frame, or None
# virial      (3, 3)      float64 | energy   | -dE/d(strain) of the frame, or None

# --- a batch (inputs of every model) ------------------------------------------------------------------------------
SPECIES = "species"  # (atoms,) int32 | index of the model's species, 0 on padding
GRAPH_INDEX = "graph_index"  # (atoms,) int32 | which graph of the batch the atom belongs to; padding: the last one
ATOM_MASK = "atom_mask"  # (atoms,) float32 | 1 on real atoms, 0 on padding
GRAPH_MASK = "graph_mask"  # (graphs,) float32 | 1 on real graphs, 0 on padding; its length is the number of graphs
SENDERS = "senders"  # (edges,) int32 | index of atom j
RECEIVERS = "receivers"  # (edges,) int32 | index of atom i, ascending
EDGE_VECTORS = "edge_vectors"  # (edges, 3) float32 | length | from receiver to sender
EDGE_CLASS = "edge_class"  # (edges,) int32 | EDGE_CLASSES index
EDGE_MASK = "edge_mask"  # (edges,) float32 | 1 on real edges, 0 on padding
SLOTS = "slots"  # (atoms, slots) int32 | the edges of each receiver; empty slots name the last edge, a masked one
POSITIONS = "positions"  # (atoms, 3) float32 | length | wrapped into the cell; read by reciprocal-space layers alone
WAVE_VECTORS = "waves"  # (waves, 3) float32 | 1/length | reciprocal lattice vectors, one of k and -k; 0 on padding
WAVE_GRAPH = "wave_graph"  # (waves,) int32 | which graph of the batch a wave vector belongs to
WAVE_WEIGHT = "wave_weight"  # (waves,) float32 | 1/length^3 | 2 / volume, 0 on padding

# Trailing shape and dtype of each input; the leading size is that of the batch.
BATCH_SHAPES = {
    SPECIES: ((), "int32"),
    GRAPH_INDEX: ((), "int32"),
    ATOM_MASK: ((), "float32"),
    GRAPH_MASK: ((), "float32"),
    SENDERS: ((), "int32"),
    RECEIVERS: ((), "int32"),
    EDGE_VECTORS: ((3,), "float32"),
    EDGE_CLASS: ((), "int32"),
    EDGE_MASK: ((), "float32"),
    SLOTS: ((None,), "int32"),
    POSITIONS: ((3,), "float32"),
    WAVE_VECTORS: ((3,), "float32"),
    WAVE_GRAPH: ((), "int32"),
    WAVE_WEIGHT: ((), "float32"),
}
MODEL_INPUTS = tuple(BATCH_SHAPES)

# Classes of an edge: atoms of different molecules, bonded atoms of one molecule, other atoms of one molecule.
EDGE_CLASSES = ("other_molecule", "bonded", "same_molecule")

# --- what a model returns, and what it is compared with ------------------------------------------------------------
FORCES = "forces"  # (atoms, 3) float32 | force
ENERGY = "energy"  # (graphs,) float32 | energy | potential energy, of models with an energy head and of data
VIRIAL = "virial"  # (graphs, 3, 3) float32 | energy | -dE/d(strain) = -sum r_ij dE/dr_ij; where there is an energy
ENERGY_MASK = "energy_mask"  # (graphs,) float32 | 1 where the energy is known; with the targets of a batch
VIRIAL_MASK = "virial_mask"  # (graphs,) float32 | 1 where the virial is known
GRAPH_WEIGHT = "graph_weight"  # (graphs,) float32 | weight of a graph in the loss; where the recipe has such weights

# --- layers that surround the stack of every network ---------------------------------------------------------------
EDGE_GEOMETRY = "edge_geometry"  # first: edge vectors -> edge features
FORCE_SCALE = "force_scale"  # last: network units -> force unit
PRIOR = "prior"  # after it, where the recipe has priors
