"""Dimer force curves: the reference by hand, models whose forces are known, and the plot."""

import math
import struct
from dataclasses import replace

import numpy as np
import pytest

from errors import refused
from gnnzoo.data.graphs.source import GraphSource
from gnnzoo.data.graphs.training_statistics import training_statistics
from gnnzoo.evaluation.pair_plot import pair_plot
from gnnzoo.evaluation.pairs import PairCurve, PairKind, pair_curves, pair_kinds, reference_force
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField
from gnnzoo.outputs import OutputError
from gnnzoo.units import STYLES
from small import BY_SPECIES, WATER, MemoryDataset, argon_dataset, recipe
from systems import changed, water_frame
from trainers import ONE_HEAD

EPSILON, SIGMA = 0.2378, 3.405
BOND = {"types": ["H", "O"], "k": 529.581, "length": 1.012}
LENNARD_JONES, CHARGES = {"prior": "lennard_jones"}, {"prior": "coulomb", "damping": 0}
SPRING = {"prior": "harmonic", "bonds": [BOND]}
# round numbers: sigma of both is 2 in the arithmetic mean, 3^(1/2) in the geometric one; epsilon is 0.08
ROUND = {
    "O": {"charge": -0.8, "epsilon": 0.16, "sigma": 3.0},
    "H": {"charge": 0.5, "epsilon": 0.04, "sigma": 1.0},
}
MIXED, BONDED, SAME = (PairKind("O", "H", kind) for kind in ("other_molecule", "bonded", "same_molecule"))


def made_with(interactions, units="real"):
    """A recipe of both species, whose data were made with these interactions."""
    return recipe(WATER, data={"atoms": ROUND, "reference": interactions, "units": units})


def reference_at(r, interactions, pair=MIXED, units="real"):
    return reference_force(made_with(interactions, units), units, pair, np.array([float(r)]))[0]


def test_pairs_with_parameters_of_their_own_need_none_of_species():
    fluid = {"prior": "lennard_jones", "pairs": [{"types": ["O", "H"], "epsilon": 1.5, "sigma": 0.8}]}
    known = recipe(WATER, data={"atoms": {}, "reference": [fluid]}, model={"layers": BY_SPECIES})
    # at r = sigma the force is 24 eps / sigma
    assert reference_force(known, "real", MIXED, np.array([0.8]))[0] == pytest.approx(24 * 1.5 / 0.8)
    assert reference_force(known, "real", replace(MIXED, second=MIXED.first), np.array([0.8])) is None


# --- the reference ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mixing", "sigma"), [("arithmetic", 2.0), ("geometric", 3**0.5)])
def test_lennard_jones_of_two_species(mixing, sigma):
    """At sigma 24 epsilon (2 - 1) / sigma, which is repulsive; zero in the minimum; attractive beyond."""
    interactions = [{"prior": "lennard_jones", "mixing": mixing}]
    assert reference_at(sigma, interactions) == pytest.approx(24 * 0.08 / sigma)
    assert reference_at(2 ** (1 / 6) * sigma, interactions) == pytest.approx(0, abs=1e-12)
    # at 2 sigma the power is 1/64: 24 epsilon (1/64) (2/64 - 1) / (2 sigma)
    assert reference_at(2 * sigma, interactions) == pytest.approx(24 * 0.08 / 64 * (-62 / 64) / (2 * sigma))


@pytest.mark.parametrize(("units", "constant"), [("real", 332.06371), ("metal", 14.399645), ("lj", 1.0)])
def test_charges_in_the_units_of_the_data(units, constant):
    assert reference_at(2.0, [CHARGES], units=units) == pytest.approx(constant * -0.8 * 0.5 / 4, rel=1e-7)
    like = PairKind("H", "H", "other_molecule")
    assert reference_at(2.0, [CHARGES], like, units) == pytest.approx(constant * 0.5 * 0.5 / 4, rel=1e-7)


def test_damped_charges():
    """The negative derivative of q q erfc(a r) / r, by differences."""
    r, step, damping = 2.0, 1e-5, 0.4
    slope = (math.erfc(damping * (r + step)) / (r + step) - math.erfc(damping * (r - step)) / (r - step)) / (2 * step)
    found = reference_at(r, [CHARGES | {"damping": damping}])
    assert found == pytest.approx(STYLES["real"].coulomb * 0.8 * 0.5 * slope, rel=1e-8)


@pytest.mark.parametrize("pair", [BONDED, PairKind("H", "O", "bonded")])
def test_a_compressed_spring_is_repulsive(pair):
    """2 * 529.581 * 0.1, whichever of the two is named first."""
    assert reference_at(0.912, [SPRING], pair) == pytest.approx(105.9162)
    assert reference_at(1.112, [SPRING], pair) == pytest.approx(-105.9162)


def test_each_kind_of_pair_feels_its_own_interactions():
    everything = [LENNARD_JONES, CHARGES, SPRING]
    expected = reference_at(2.5, [LENNARD_JONES]) + reference_at(2.5, [CHARGES])
    assert reference_at(2.5, everything) == pytest.approx(expected)
    assert reference_at(1.112, everything, BONDED) == pytest.approx(-105.9162)
    unnamed = PairKind("O", "O", "bonded")  # no spring between these is declared
    assert reference_force(made_with(everything), "real", unnamed, np.array([1.112])) is None
    assert reference_at(1.5, everything, SAME) == 0


def energy(r, pair):
    """Of the same interactions, written independently."""
    a, b = ROUND[pair.first], ROUND[pair.second]
    if pair.kind == "bonded":
        return 529.581 * (r - 1.012) ** 2
    sigma, epsilon = (a["sigma"] + b["sigma"]) / 2, (a["epsilon"] * b["epsilon"]) ** 0.5
    steep = (sigma / r) ** 6
    return 4 * epsilon * steep * (steep - 1) + STYLES["real"].coulomb * a["charge"] * b["charge"] / r


@pytest.mark.parametrize("pair", [MIXED, BONDED, PairKind("O", "O", "other_molecule")], ids=lambda pair: pair.name)
def test_the_reference_force_is_the_negative_derivative_of_its_energy(pair):
    made = made_with([LENNARD_JONES, CHARGES, SPRING])
    r, step = np.linspace(0.9, 5.0, 9), 1e-5
    slope = (energy(r + step, pair) - energy(r - step, pair)) / (2 * step)
    np.testing.assert_allclose(reference_force(made, "real", pair, r), -slope, rtol=1e-6, atol=1e-6)


def test_without_declared_interactions_there_is_no_reference():
    r = np.array([2.0])
    assert reference_force(made_with([]), "real", MIXED, r) is None
    declared = made_with([LENNARD_JONES, CHARGES])
    assert reference_force(declared, "real", PairKind("O", "Ar", "other_molecule"), r) is None
    assert reference_force(declared, None, MIXED, r) is None  # the constant of charges depends on the units
    assert reference_force(made_with([LENNARD_JONES]), None, MIXED, r) is not None


# --- models -------------------------------------------------------------------------------------------------------


def force_field(made, dataset, measured=True):
    """An untrained model of a dataset, as training would leave it, but for what training learns."""
    species = [dataset.type_names[number] for number in sorted(dataset.type_names)]
    source = GraphSource(dataset, species, made.graph.cutoff, made.graph.bonds)
    statistics = training_statistics(source, np.arange(len(dataset)))
    network = build_network(made, species, Scales(statistics.force_rms, statistics.mean_neighbors))
    info = {"species": species, "types": {str(n): name for n, name in dataset.type_names.items()}, "units": "real"}
    return ForceField(network, made, info | ({"statistics": statistics.to_json()} if measured else {}))


@pytest.fixture(scope="module")
def known(uncompiled):
    """A model of argon whose network is zero, so that only the Lennard-Jones prior is left."""
    data = {"reference": [LENNARD_JONES]}
    made = recipe(model=ONE_HEAD | {"prior": [{"prior": "lennard_jones"}]}, data=data)
    model = force_field(made, argon_dataset(frames=3))
    for weight in model.network.get_layer("pair_force_decoder_1").trainable_variables:
        weight.assign(weight * 0)
    return model


def water_model(bonds=True, frame=None, **options):
    """A model of water with random weights, which sees which atoms are bonded or not."""
    made = recipe(WATER, model=ONE_HEAD, graph={"edges": ["bond", "radial"] if bonds else ["radial"]})
    return force_field(made, MemoryDataset([frame or water_frame()]), **options)


def lennard_jones_force(r):
    return 24 * EPSILON * (2 * (SIGMA / r) ** 12 - (SIGMA / r) ** 6) / r


def test_the_force_of_a_known_prior_comes_out(known):
    """Shifted to zero at the cutoff; positive, which is apart, where the atoms overlap."""
    (curve,) = pair_curves(known, first=3.0, points=13)
    r = np.linspace(3.0, 6.0, 13)
    np.testing.assert_allclose(curve.distances, r)
    expected = lennard_jones_force(r) - lennard_jones_force(6.0)
    np.testing.assert_allclose(curve.forces, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(curve.reference, lennard_jones_force(r), rtol=1e-9)
    assert curve.forces[0] > 1  # 3.0 A is below sigma
    assert curve.forces[5] < 0  # 4.25 A is beyond the well


def test_a_curve_begins_where_training_had_its_first_pairs(known):
    """Bins of a hundredth of the cutoff; at a tenth of it where they are unknown."""
    shortest = np.min(known.info["statistics"]["shortest"])
    (curve,) = pair_curves(known, points=4)
    assert 0 <= shortest - curve.distances[0] < 0.06
    assert (curve.distances[-1], len(curve.distances)) == (6.0, 4)
    older = ForceField(known.network, known.recipe, known.info | {"statistics": None})
    (curve,) = pair_curves(older, points=2)
    assert (curve.distances, curve.counts) == (pytest.approx([0.6, 6.0]), [0, 0])


def test_the_counts_are_those_of_the_training_at_each_distance(known):
    """Bins of 0.6 A: 2 A lies in the fourth, 4 A in the seventh; what ends at the cutoff counts with the last."""
    distances = {"bins": 10, "counts": {"Ar-Ar": [0, 0, 0, 7, 0, 1, 2, 3, 4, 5]}}
    model = ForceField(known.network, known.recipe, known.info | {"statistics": {"distances": distances}})
    (curve,) = pair_curves(model, first=2.0, points=3)
    assert (curve.distances, curve.counts) == ([2.0, 4.0, 6.0], [7, 2, 5])
    (curve,) = pair_curves(model, points=2)
    assert curve.distances == pytest.approx([1.8, 6.0])


def test_forces_may_come_from_elsewhere(known):
    """A second atom that is pushed by 3 while the first is pushed by 1 is driven from it by 1."""
    asked = []

    def forces(frame):
        asked.append(frame)
        return np.array([[1.0, 5, 0], [3.0, 5, 0]])

    (curve,) = pair_curves(known, forces, first=3.0, points=3)
    assert curve.forces == [1.0] * 3
    apart = [frame.positions[1] - frame.positions[0] for frame in asked]
    np.testing.assert_allclose(apart, [[3.0, 0, 0], [4.5, 0, 0], [6.0, 0, 0]])
    assert all(np.diag(frame.cell).min() - 6.0 > 6.0 for frame in asked)  # no image within the cutoff


def test_the_kinds_are_those_that_training_had(uncompiled):
    """A water alone has bonds and the pair of its hydrogens."""
    alone = changed(water_frame(molecules=1), cell=np.eye(3) * 20)
    assert {pair.name for pair in pair_kinds(water_model(frame=alone))} == {"O-H bonded", "H-H same molecule"}
    between = {"O-O", "O-H", "H-H"}
    liquid = {pair.name for pair in pair_kinds(water_model())}
    assert liquid == between | {"O-H bonded", "H-H same molecule"}
    assert {pair.name for pair in pair_kinds(water_model(measured=False))} == between


def test_bonded_and_other_pairs_differ_where_the_model_reads_bonds(uncompiled):
    def curves(**options):
        drawn = pair_curves(water_model(**options), first=1.0, points=4)
        return {curve.name: np.array(curve.forces) for curve in drawn}

    found = curves()
    bonded, other = found["O-H bonded"], found["O-H"]
    assert np.abs(bonded[:3] - other[:3]).min() > 1e-3 * np.abs(other).max()
    assert np.abs(found["H-H same molecule"][:3] - found["H-H"][:3]).max() > 1e-3 * np.abs(other).max()
    blind = curves(bonds=False)
    np.testing.assert_array_equal(blind["O-H bonded"], blind["O-H"])


def test_springs_of_a_prior_act_on_bonded_pairs_alone(uncompiled):
    """k (r - length)^2 drives apart with -2 k (r - length)."""
    made = recipe(WATER, model=ONE_HEAD | {"prior": [{"prior": "harmonic", "bonds": [BOND]}]})
    model = force_field(made, MemoryDataset([water_frame()]))
    for weight in model.network.get_layer("pair_force_decoder_1").trainable_variables:
        weight.assign(weight * 0)
    found = {curve.name: curve.forces for curve in pair_curves(model, first=0.912, points=3)}
    r = np.linspace(0.912, 6.0, 3)
    spring = found.pop("O-H bonded")[:2]  # two atoms at the cutoff see each other no more
    np.testing.assert_allclose(spring, -2 * 529.581 * (r[:2] - 1.012), rtol=1e-4)
    assert len(found) == 4
    assert not np.any(list(found.values()))


# --- errors -------------------------------------------------------------------------------------------------------


def curve(forces, reference, counts):
    return PairCurve("Ar-Ar", [float(r) for r in range(len(forces))], forces, reference, counts)


def test_the_error_counts_distances_as_often_as_training_had_them():
    """Differences 9, 1 and 2, of forces 5, 2 and 1: (0 * 9 + 1 * 1 + 3 * 2) / (0 * 5 + 1 * 2 + 3 * 1)."""
    found = curve([14.0, -1.0, 3.0], [5.0, -2.0, 1.0], [0, 1, 3])
    assert found.error() == pytest.approx(7 / 5)


def test_the_largest_difference_is_looked_for_where_training_had_pairs():
    """Of 9, 1 and 2 the first was never seen; 2 of the largest force of the others, 2, at distance 2."""
    assert curve([14.0, -1.0, 3.0], [5.0, -2.0, 1.0], [0, 1, 3]).largest() == (pytest.approx(1.0), 2.0)
    assert curve([14.0, -1.0, 3.0], [5.0, -2.0, 1.0], [2, 1, 3]).largest() == (pytest.approx(9 / 5), 0.0)


@pytest.mark.parametrize(
    ("reference", "counts"),
    [(None, [1, 1]), ([1.0, 1.0], [0, 0]), ([0.0, 0.0], [1, 1])],
    ids=["unknown", "unseen", "zero"],
)
def test_without_anything_to_compare_there_is_no_error(reference, counts):
    found = curve([1.0, 2.0], reference, counts)
    assert (found.error(), found.largest()) == (None, None)


def test_a_curve_is_read_back_from_json():
    made = curve([1.0, 2.0], [1.0, 1.0], [0, 3])
    values = made.to_json()
    assert list(values) == ["name", "distances", "forces", "truth", "counts"]
    assert PairCurve.from_json(values) == made


# --- the picture --------------------------------------------------------------------------------------------------


def size_of_png(path):
    """(width, height) in pixels, from the header."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def named(name, forces, reference=None, counts=(0, 2, 4)):
    return PairCurve(name, [1.0, 2.0, 3.0], forces, reference, list(counts))


def test_each_kind_of_pair_has_a_panel_with_all_models(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    seen, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **kw: seen.append(self) or save(self, *a, **kw))
    curves = {
        "water.keras": [named("O-O", [9.0, 1.0, -1.0], [8.0, 2.0, 0.0]), named("O-H", [1.0, 1.0, 1.0])],
        "water.keras, zero-shot": [named("O-O", [3.0, 0.5, -0.5], [8.0, 2.0, 0.0])],
    }
    assert pair_plot(curves, "real", "two atoms alone", tmp_path / "a.png") == tmp_path / "a.png"
    assert size_of_png(tmp_path / "a.png") == (1200, 576)  # two of 4.8 inches and 0.4; 4.4 and 0.4; 120 dots an inch
    (shown,) = seen
    panels = {axis.get_title(): axis for axis in shown.axes if axis.get_title()}
    assert list(panels) == ["O-O", "O-H"]
    lines = {line.get_label(): list(line.get_ydata()) for line in panels["O-O"].get_lines()}
    assert lines["water.keras"] == [9.0, 1.0, -1.0]
    assert lines["water.keras, zero-shot"] == [3.0, 0.5, -0.5]
    assert lines["reference"] == [8.0, 2.0, 0.0]
    labels = [text.get_text() for text in panels["O-O"].get_legend().get_texts()]
    assert labels == ["water.keras", "water.keras, zero-shot", "reference"]  # once for both
    assert [text.get_text() for text in panels["O-H"].get_legend().get_texts()] == ["water.keras"]
    # the reference goes from 0 to 2 where pairs were seen, which is to be seen whole; 8 and 9 would flatten it
    low, high = panels["O-O"].get_ylim()
    assert low < 0
    assert 2 < high < 8
    assert panels["O-O"].get_ylabel() == "force apart (kcal/mol/A)"
    assert shown.get_suptitle() == "two atoms alone"


def test_an_existing_picture_is_refused_and_stays(tmp_path):
    from matplotlib import pyplot

    curves, path = {"a": [named("O-O", [3.0, 1.0, 0.0])]}, tmp_path / "a.png"
    path.write_text("precious")
    with refused(OutputError, file=path):
        pair_plot(curves, None, "again", path)
    assert path.read_text() == "precious"
    pair_plot(curves, None, "again", path, overwrite=True)
    assert size_of_png(path) == (624, 576)
    assert (tmp_path / "a.png.old-1").read_text() == "precious"
    assert pyplot.get_fignums() == []
