"""What kind of matter a dataset is of, by evidence: species, bonds, charges, periodic directions.

The kind decides which stack of layers suits: a pair fluid needs no message passing, a salt needs interactions beyond
any cutoff, and a molecule in vacuum has no waves to carry them.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.frames.geometry import largest_molecule
from gnnzoo.data.inspection.pair_sample import PairSample, sample_pairs, typical_frame
from gnnzoo.elements import COVALENT_RADII, METALLOIDS, NOBLE_GASES, NONMETALS
from gnnzoo.records import Record

# Kinds of matter and what they stand for.
FAMILIES = {
    "pair-fluid": "atoms that act on each other in pairs, without bonds and charges: noble gases, Lennard-Jones units",
    "molecular-liquid": "molecules in a periodic box",
    "molecules": "molecules in vacuum, without periodic directions",
    "ionic": "salts, oxides and their melts: opposite charges without molecules",
    "metal": "metals and alloys, solid or liquid",
    "covalent": "networks of bonds through the whole box: silicon, carbon, glasses",
}
_FRAMES, _PIECE = 4, 500  # a sample that takes a tenth of a second
_BOND = 1.2  # two atoms are bonded if nearer than so many times the sum of their covalent radii
_CHARGED = 0.05  # e: smaller charges are rounding
_ANIONS = frozenset(["H", "N", "O", "F", "P", "S", "Cl", "Se", "Br", "I"])  # of salts, in the presence of metals
_LARGEST = 2  # atoms of a molecule of one species: a longer one is a chain
_CLOSED = 1e-3  # A: a way along bonds that leads back to an atom ends at its place, or at an image of it


@dataclass(frozen=True)
class Matter(Record):
    """The kind of matter of a dataset.

    Attributes:
        family: of `FAMILIES`.
        reason: evidence, in words.
        periodic: whether all frames are periodic in all directions.
        charged: whether charges are possible: False in reduced units, where the data have none.
        chain: of molecules whose bonds are not in the data, in words; None without such.
    """

    family: str
    reason: str
    periodic: bool
    charged: bool = True
    chain: str | None = None


def kind_of_matter(dataset: Dataset, periodic: bool) -> Matter:
    """Recognise the kind of matter.

    Args:
        dataset: any, whose units are known.
        periodic: whether all of its frames are periodic in all directions.

    Returns:
        The kind with its evidence.
    """
    frame = typical_frame(dataset)
    names = list(dict.fromkeys(map(str, frame.names.tolist())))
    charged = frame.charges is not None and bool(np.any(np.abs(frame.charges) > _CHARGED))
    possible = charged or (frame.charges is None and dataset.units != "lj")
    chain = None
    if (largest := largest_molecule(frame)) > 1:
        family = "molecular-liquid" if periodic else "molecules"
        reason = f"molecules of up to {largest:,} atoms by their ids"
        if len(names) == 1 and largest > _LARGEST:
            chain = f"molecules of {largest:,} atoms of one species, and no list of their bonds"
    elif dataset.units == "lj" or not set(names) <= set(COVALENT_RADII):
        family, reason = _by_charges(frame)
    else:
        family, reason = _by_elements(dataset, names, periodic)
    return Matter(family, f"{' '.join(names)}: {reason}", periodic, possible, chain)


def _by_charges(frame: Frame) -> tuple[str, str]:
    """Family and reason of atoms that are not named by their elements and have no molecules."""
    charges = np.zeros(1) if frame.charges is None else frame.charges
    if charges.min() < -_CHARGED and charges.max() > _CHARGED:
        return "ionic", "charges of both signs, and no molecules"
    return "pair-fluid", "no elements, charges and molecules"


def _by_elements(dataset: Dataset, names: list[str], periodic: bool) -> tuple[str, str]:
    """Family and reason by elements, and where these are no metals by their bonds."""
    others = [name for name in names if name in NONMETALS | METALLOIDS]
    metals = [name for name in names if name not in others]
    if set(names) <= NOBLE_GASES:
        found = "pair-fluid", "noble gas"
    elif metals and not set(others) & _ANIONS:
        found = "metal", "no elements of salts"
    elif metals and periodic:
        found = "ionic", "a metal with elements that take up charge"
    else:
        samples = sample_pairs(dataset, 2 * _BOND * max(COVALENT_RADII[name] for name in names), _FRAMES, _PIECE)
        clusters = [_clusters(sample) for sample in samples]
        if any(endless for _, endless in clusters):
            found = "covalent", "bonds by their lengths through the whole box"
        else:
            largest = max((atoms for atoms, _ in clusters), default=1)
            reason = f"molecules of up to {largest} atoms by their distances"
            found = "molecular-liquid" if periodic else "molecules", reason
    return found


def _clusters(pairs: PairSample) -> tuple[int, bool]:
    """Atoms of the largest cluster that bonds connect, and whether one connects an atom with its own image."""
    radii = np.array([COVALENT_RADII[str(name)] for name in pairs.frame.names.tolist()])
    bonded = pairs.distances < _BOND * (radii[pairs.receivers] + radii[pairs.senders])
    bonds: list[list[tuple[int, np.ndarray]]] = [[] for _ in radii]
    vectors = (pairs.directions * pairs.distances[:, None])[bonded]
    for first, second, vector in zip(pairs.receivers[bonded], pairs.senders[bonded], vectors, strict=True):
        bonds[first].append((int(second), vector))
    largest, endless = 0, False
    places: dict[int, np.ndarray] = {}
    for start in range(len(radii)):
        if start in places:
            continue
        places[start], waiting, size = np.zeros(3), deque([start]), 0
        while waiting:
            atom = waiting.popleft()
            size += 1
            for other, vector in bonds[atom]:
                place = places[atom] + vector
                if other not in places:
                    places[other] = place
                    waiting.append(other)
                elif np.abs(places[other] - place).max() > _CLOSED:
                    endless = True
        largest = max(largest, size)
    return largest, endless
