"""Neighbour search in TensorFlow, so that an exported model contains it.

Correct for any box: atoms are wrapped into the cell, and periodic images within the cutoff are added. All are sorted
into a grid of cells at least as wide as the cutoff, and an atom is compared with those in the 27 cells around it
(linked-cell method; Allen and Tildesley, Computer Simulation of Liquids, section 5.3.2), a block of receivers at a
time. The time is linear in the number of atoms, and memory is that of the edges. Conventions are those of
`gnnzoo.fields`; the result is that of `gnnzoo.data.graphs.neighbors`.
"""

import itertools

import tensorflow as tf

from gnnzoo.fields import EDGE_CLASSES

_BLOCK_PAIRS = 1 << 20  # pairs that are compared at a time: about 100 MB of their arrays
_MOST_CELLS = 1 << 20  # of the grid along a direction, so that their numbers fit in 64 bits


def neighbor_list(
    positions: tf.Tensor, cell: tf.Tensor, pbc: tf.Tensor, cutoff: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Find all ordered pairs closer than the cutoff, including periodic images.

    Args:
        positions: (atoms, 3) float64, length unit, wrapped or not.
        cell: (3, 3) float64, rows are lattice vectors; those of directions that are not periodic may be zero.
        pbc: (3,) bool.
        cutoff: length unit.

    Returns:
        Senders (edges,) int32; receivers (edges,) int32, ascending; vectors (edges, 3) float64 from receiver to sender.
    """
    wrapped, images, owners = _with_images(positions, cell, pbc, cutoff)
    count = tf.shape(wrapped)[0]
    order, starts, counts = _candidates(images, count, cutoff)
    rows = tf.maximum(1, _BLOCK_PAIRS // tf.maximum(1, tf.reduce_max(tf.reduce_sum(counts, axis=1))))
    blocks = (count + rows - 1) // rows
    pairs = tf.TensorArray(tf.int32, size=blocks, element_shape=(None, 2), infer_shape=False)

    def compare(block: tf.Tensor, pairs: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        own = slice(block * rows, (block + 1) * rows)
        lengths = tf.reshape(counts[own], [-1])
        # position within its run of images, for all runs of all receivers one after the other
        within = tf.range(tf.reduce_sum(lengths)) - tf.repeat(tf.cumsum(lengths, exclusive=True), lengths)
        senders = tf.gather(order, tf.repeat(tf.reshape(starts[own], [-1]), lengths) + within)
        receivers = block * rows + tf.repeat(tf.range(tf.size(lengths)) // len(_RUNS), lengths)
        squared = tf.reduce_sum(tf.square(tf.gather(images, senders) - tf.gather(wrapped, receivers)), axis=1)
        # an atom itself is the image with its own index: the images without a shift come first
        near = (squared < cutoff**2) & (senders != receivers)
        found = tf.stack([tf.boolean_mask(receivers, near), tf.boolean_mask(senders, near)], axis=1)
        return block + 1, pairs.write(block, found)

    _, pairs = tf.while_loop(lambda block, _: block < blocks, compare, (tf.constant(0), pairs), parallel_iterations=1)
    receivers, senders = tf.unstack(pairs.concat(), axis=1)
    return tf.gather(owners, senders), receivers, tf.gather(images, senders) - tf.gather(wrapped, receivers)


# The 27 cells around an atom are 9 runs of cells with consecutive numbers.
_RUNS = list(itertools.product((-1, 0, 1), repeat=2))


def _candidates(images: tf.Tensor, atoms: tf.Tensor, cutoff: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Sort images into a grid, and find for each atom the runs of images in the cells around it.

    Args:
        images: (images, 3) float64, the atoms first.
        atoms: () int32.
        cutoff: length unit.

    Returns:
        (images,) int32 images in the order of their cells; (atoms, 9) int32 first position of each run in it, and
        number of its images.
    """
    lowest = tf.reduce_min(images, axis=0)
    # slightly wider than the cutoff, so that rounding never puts a pair two cells apart
    width = tf.maximum((tf.reduce_max(images, axis=0) - lowest) / _MOST_CELLS, cutoff * (1 + 1e-9))
    cells = tf.cast(tf.floor((images - lowest) / width), tf.int64)
    size = tf.reduce_max(cells, axis=0) + 1

    def numbered(x: tf.Tensor, y: tf.Tensor, z: tf.Tensor) -> tf.Tensor:
        return (x * size[1] + y) * size[2] + z

    numbers = numbered(*tf.unstack(cells, axis=1))
    order = tf.argsort(numbers, stable=True)
    ordered = tf.gather(numbers, order)
    x, y, z = (part[:, None] for part in tf.unstack(cells[:atoms], axis=1))
    shifts = tf.constant(_RUNS, tf.int64)
    x, y = x + shifts[None, :, 0], y + shifts[None, :, 1]
    first = numbered(x, y, tf.maximum(z - 1, 0))
    last = numbered(x, y, tf.minimum(z + 1, size[2] - 1))
    inside = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])
    shape = tf.shape(first)
    starts, stops = (
        tf.reshape(tf.searchsorted(ordered, tf.reshape(ends, [-1]), side=side), shape)
        for ends, side in ((first, "left"), (last, "right"))
    )
    return order, starts, tf.where(inside, stops - starts, 0)


def _with_images(
    positions: tf.Tensor, cell: tf.Tensor, pbc: tf.Tensor, cutoff: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Wrapped positions (atoms, 3); these and all images within the cutoff of the cell (images, 3); their atoms."""
    periodic = tf.cast(pbc, cell.dtype)[:, None]
    lattice = cell * periodic
    # with the pseudo-inverse, fractional coordinates along the periodic vectors alone: (atoms, 3) @ (3, 3)
    inverse = tf.linalg.pinv(lattice)
    fractions = positions @ inverse
    shift = -tf.floor(fractions) * periodic[:, 0]
    wrapped, fractions = positions + shift @ lattice, fractions + shift
    # the cutoff in units of the distance between lattice planes; zero along directions that are not periodic
    reach = cutoff * tf.norm(inverse, axis=0) * periodic[:, 0]
    ranges = [tf.cast(tf.range(-n, n + 1), cell.dtype) for n in tf.unstack(tf.cast(tf.math.ceil(reach), tf.int32))]
    shifts = tf.reshape(tf.stack(tf.meshgrid(*ranges, indexing="ij"), axis=-1), (-1, 3))
    # no shift first, so that the first images are the atoms themselves
    shifts = tf.gather(shifts, tf.argsort(tf.reduce_sum(tf.abs(shifts), axis=1), stable=True))
    # (shifts, 1, 3), (1, atoms, 3) -> (shifts, atoms, 3) -> those within reach of the cell
    shifted = shifts[:, None] + fractions[None]
    near = tf.reduce_all((shifted >= -reach) & (shifted <= 1 + reach) | (periodic[:, 0] == 0), axis=-1)
    chosen = tf.where(near)
    images = tf.gather(wrapped, chosen[:, 1]) + tf.gather(shifts, chosen[:, 0]) @ lattice
    return wrapped, images, tf.cast(chosen[:, 1], tf.int32)


def edge_classes(
    senders: tf.Tensor,
    receivers: tf.Tensor,
    vectors: tf.Tensor,
    species: tf.Tensor,
    molecules: tf.Tensor,
    bonded: tf.Tensor,
) -> tf.Tensor:
    """Classify edges; of the images of a pair of one molecule only the nearest counts as of the same molecule.

    Args:
        senders, receivers: (edges,) int32.
        vectors: (edges, 3) float64, length unit.
        species: (atoms,) int32.
        molecules: (atoms,) int64, molecule ids.
        bonded: (species, species) bool, pairs of species that are bonded within a molecule.

    Returns:
        (edges,) int32, indices of `fields.EDGE_CLASSES`.
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


def edge_slots(receivers: tf.Tensor, atoms: tf.Tensor, empty: tf.Tensor, rounded: bool = False) -> tf.Tensor:
    """List the edges of each receiver in rows of equal length, as `gnnzoo.data.graphs.batch.edge_slots` does.

    Args:
        receivers: (edges,) int32, ascending.
        atoms: () int32, number of atoms.
        empty: () int32, edge of the slots that are left.
        rounded: whether the length is rounded up, for a compiler of few sizes.

    Returns:
        (atoms, at least the largest number of edges of an atom) int32, edge indices.
    """
    counts = tf.math.bincount(receivers, minlength=atoms, maxlength=atoms)
    length = tf.maximum(1, tf.reduce_max(counts))
    if rounded:
        step = tf.where(length < 64, 8, 16)
        length = (length + step - 1) // step * step
    columns = tf.range(length)
    edges = tf.cumsum(counts, exclusive=True)[:, None] + columns
    return tf.where(columns < counts[:, None], edges, empty)
