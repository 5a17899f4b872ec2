"""What is measured on training frames, by hand: how far apart pairs are."""

import numpy as np

from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import training_statistics
from small import MemoryDataset
from systems import changed, water_frame

# --- distances ----------------------------------------------------------------------------------------------------


def waters(*places, names, molecules, box=20.0):
    """A frame of a few atoms at these places, in a box that is wide by default."""
    count = len(names)
    return changed(
        water_frame(),
        positions=np.array(places, float),
        forces=np.zeros((count, 3)),
        types=np.array([1 if name == "O" else 2 for name in names], np.int32),
        ids=np.arange(1, count + 1),
        molecules=np.array(molecules),
        cell=np.eye(3) * box,
    )


def counted(*frames, train=None, species=("O", "H")):
    """Counts by kind of pair, and there by the number of the bin, where they are not zero; the cutoff is 5."""
    data = GraphSource(MemoryDataset(list(frames)), list(species), 5.0)
    found = training_statistics(data, np.arange(len(frames)) if train is None else np.array(train)).distances
    assert found["bins"] == 100
    assert {len(counts) for counts in found["counts"].values()} <= {100}
    return {
        kind: {number: count for number, count in enumerate(counts) if count}
        for kind, counts in found["counts"].items()
    }


# One water, and an oxygen of another: bins are 0.05 wide.
WATER = waters((0, 0, 0), (1.01, 0, 0), (0, 1.02, 0), (3.03, 0, 0), names="OHHO", molecules=(1, 1, 1, 2))
BY_HAND = {
    "O-H bonded": {20: 2},  # 1.01 and 1.02
    "H-H same molecule": {28: 1},  # (1.01^2 + 1.02^2)^(1/2) = 1.435
    "O-O": {60: 1},  # 3.03
    "O-H": {40: 1, 63: 1},  # 2.02, and (3.03^2 + 1.02^2)^(1/2) = 3.197
}


def test_pairs_are_counted_once_by_kind_and_distance():
    assert counted(WATER) == BY_HAND


def test_pairs_are_called_by_the_species_in_their_order():
    expected = {kind.replace("O-H", "H-O"): counts for kind, counts in BY_HAND.items()}
    assert counted(WATER, species=("H", "O")) == expected


def test_counts_are_of_the_training_frames_alone():
    other = waters((0, 0, 0), (1.01, 0, 0), names="OH", molecules=(1, 1))
    held_out = waters((0, 0, 0), (1.51, 0, 0), names="OH", molecules=(1, 1))
    expected = BY_HAND | {"O-H bonded": {20: 3}}
    assert counted(WATER, held_out, other, train=[0, 2]) == expected


def test_an_atom_and_its_images_are_pairs():
    """In a box of 4.03 it has six of them within 5, which are three pairs."""
    assert counted(waters((1, 1, 1), names="O", molecules=(1,), box=4.03)) == {"O-O": {80: 3}}


def test_the_last_bin_ends_at_the_cutoff():
    """4.99 is within it, 5.01 is no neighbour."""
    places = (0, 0, 0), (4.99, 0, 0), (0, 5.01, 0)
    assert counted(waters(*places, names="OOO", molecules=(1, 2, 3))) == {"O-O": {99: 1}}
