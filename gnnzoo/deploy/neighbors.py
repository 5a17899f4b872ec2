"""The neighbour search written in TensorFlow, so that a frozen model carries it with it.

Plain and right for any box: atoms are wrapped into the cell, surrounded by the images that lie within the cutoff, and
compared pair by pair, a block of receivers at a time. The work grows with the square of the number of atoms, the memory
does not. The convention is that of `gnnzoo.fields`, and the result that of `gnnzoo.data.graphs.neighbors`.
"""

import tensorflow as tf

from gnnzoo.fields import EDGE_CLASSES

_BLOCK_PAIRS = 1 << 21  # pairs that are compared at a time: 50 MB of float64 vectors


def neighbor_list(positions, cell, pbc, cutoff: float):
    """All ordered pairs nearer than `cutoff`, periodic images included.

    Args:
        positions: (atoms, 3) float64, length unit; inside the cell or not.
        cell: (3, 3) float64, rows are lattice vectors; rows that are not periodic may be zero.
        pbc: (3,) bool.
        cutoff: length unit.

    Returns:
        senders (edges,) int32, receivers (edges,) int32 ascending, vectors (edges, 3) float64 from receiver to sender.
    """
    wrapped, images, owners = _with_images(positions, cell, pbc, cutoff)
    count, all_images = tf.shape(wrapped)[0], tf.shape(images)[0]
    rows = tf.maximum(1, _BLOCK_PAIRS // tf.maximum(1, all_images))
    blocks = (count + rows - 1) // rows
    found = tf.TensorArray(tf.int32, size=blocks, element_shape=(None, 2), infer_shape=False)

    def compare(block, found):
        first = block * rows
        receivers = wrapped[first : first + rows]
        # (rows, 1, 3), (1, images, 3) -> (rows, images)
        squared = tf.reduce_sum(tf.square(images[None] - receivers[:, None]), axis=-1)
        # an atom's own place is the image of its own number: the images without a shift come first
        own = tf.range(first, first + tf.shape(receivers)[0])[:, None] == tf.range(all_images)[None]
        pairs = tf.cast(tf.where((squared < cutoff**2) & ~own), tf.int32)
        return block + 1, found.write(block, tf.stack([pairs[:, 0] + first, pairs[:, 1]], axis=1))

    _, found = tf.while_loop(lambda block, _: block < blocks, compare, (tf.constant(0), found), parallel_iterations=1)
    pairs = found.concat()
    receivers = pairs[:, 0]
    return tf.gather(owners, pairs[:, 1]), receivers, tf.gather(images, pairs[:, 1]) - tf.gather(wrapped, receivers)


def _with_images(positions, cell, pbc, cutoff: float):
    """Wrapped positions (atoms, 3); them and all images within the cutoff of the cell (images, 3); whose they are."""
    periodic = tf.cast(pbc, cell.dtype)[:, None]
    lattice = cell * periodic
    # Columns of the pseudo-inverse measure positions along the periodic vectors alone: (atoms, 3) @ (3, 3).
    inverse = tf.linalg.pinv(lattice)
    fractions = positions @ inverse
    shift = -tf.floor(fractions) * periodic[:, 0]
    wrapped, fractions = positions + shift @ lattice, fractions + shift
    # The cutoff in units of the distance between lattice planes; zero along directions that are not periodic.
    reach = cutoff * tf.norm(inverse, axis=0) * periodic[:, 0]
    ranges = [tf.cast(tf.range(-n, n + 1), cell.dtype) for n in tf.unstack(tf.cast(tf.math.ceil(reach), tf.int32))]
    shifts = tf.reshape(tf.stack(tf.meshgrid(*ranges, indexing="ij"), axis=-1), (-1, 3))
    # no shift first, so that image number i is atom number i for the atoms themselves
    shifts = tf.gather(shifts, tf.argsort(tf.reduce_sum(tf.abs(shifts), axis=1), stable=True))
    # (shifts, 1, 3), (1, atoms, 3) -> (shifts, atoms, 3) -> those within reach of the cell
    places = shifts[:, None] + fractions[None]
    near = tf.reduce_all((places >= -reach) & (places <= 1 + reach) | (periodic[:, 0] == 0), axis=-1)
    chosen = tf.where(near)
    images = tf.gather(wrapped, chosen[:, 1]) + tf.gather(shifts, chosen[:, 0]) @ lattice
    return wrapped, images, tf.cast(chosen[:, 1], tf.int32)


def edge_classes(senders, receivers, vectors, species, molecules, bonded):
    """The class of each edge; a pair shares a molecule through its nearest image alone.

    Args:
        senders, receivers: (edges,) int32.
        vectors: (edges, 3) float64.
        species: (atoms,) int32.
        molecules: (atoms,) int64.
        bonded: (species, species) bool, which pairs are bonded within a molecule.

    Returns:
        (edges,) int32, an index into `fields.EDGE_CLASSES`.
    """
    same = tf.gather(molecules, senders) == tf.gather(molecules, receivers)
    inside = tf.where(same & (senders != receivers))[:, 0]
    senders, receivers = (tf.gather(ends, inside) for ends in (senders, receivers))
    squared = tf.reduce_sum(tf.square(tf.gather(vectors, inside)), axis=1)
    pair = tf.cast(receivers, tf.int64) * tf.shape(species, out_type=tf.int64)[0] + tf.cast(senders, tf.int64)
    distinct, number = tf.unique(pair)
    shortest = tf.math.unsorted_segment_min(squared, number, tf.shape(distinct)[0])
    nearest = squared <= tf.gather(shortest, number) * (1 + 1e-9)
    ends = tf.stack([tf.gather(species, receivers), tf.gather(species, senders)], axis=1)
    other, bond, within = (EDGE_CLASSES.index(name) for name in ("other_molecule", "bonded", "same_molecule"))
    classes = tf.where(nearest, tf.where(tf.gather_nd(bonded, ends), bond, within), other)
    everywhere = tf.fill(tf.shape(same), other)
    return tf.tensor_scatter_nd_update(everywhere, inside[:, None], classes)


def edge_slots(receivers, atoms):
    """The edges of each atom as rows of one length, as in `gnnzoo.data.graphs.batch.edge_slots`.

    Args:
        receivers: (edges,) int32, ascending.
        atoms: () int32.

    Returns:
        (atoms, most edges of an atom) int32; empty slots name the edge after the last one.
    """
    counts = tf.math.bincount(receivers, minlength=atoms, maxlength=atoms)
    places = tf.range(tf.maximum(1, tf.reduce_max(counts)))
    numbers = tf.cumsum(counts, exclusive=True)[:, None] + places
    return tf.where(places < counts[:, None], numbers, tf.size(receivers))
