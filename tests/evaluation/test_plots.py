"""The parity plot: an even sample of the components, drawn once and never over something else."""

import struct

import numpy as np
import pytest

from errors import refused
from gnnzoo.evaluation import plots
from gnnzoo.evaluation.plots import ParitySample, parity_plot
from gnnzoo.metrics import ForceErrors
from gnnzoo.outputs import OutputError
from lines import line_with

SPECIES = ["O", "H"]


def gathered(frames):
    """Sample and result of (predicted, true, species) frames."""
    sample, errors = ParitySample(SPECIES), ForceErrors(SPECIES, "real")
    for frame in frames:
        sample.add(*frame)
        errors.add(*frame)
    return sample, errors.result()


def random_frame(atoms=30, species=2, seed=0):
    random = np.random.default_rng(seed)
    true = random.normal(size=(atoms, 3))
    return true + random.normal(scale=0.1, size=(atoms, 3)), true, random.integers(0, species, size=atoms)


def size_of_png(path):
    """(width, height) in pixels, from the header."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


# --- the sample ---------------------------------------------------------------------------------------------------


def test_all_components_of_few_frames_are_kept_by_species():
    sample = ParitySample(SPECIES)
    true = np.arange(9.0).reshape(3, 3)
    sample.add(true + 100, true, np.array([0, 1, 0]))
    sample.add(true[:1] + 200, true[:1], [1])
    found, predicted = sample.components(0)
    assert found.tolist() == [0, 1, 2, 6, 7, 8]
    assert predicted.tolist() == [100, 101, 102, 106, 107, 108]
    found, predicted = sample.components(1)
    assert found.tolist() == [3, 4, 5, 0, 1, 2]
    assert predicted.tolist() == [103, 104, 105, 200, 201, 202]


def test_of_many_frames_an_even_sample_is_kept(monkeypatch):
    """Each component is the number of its frame, which shows which frames it is made of."""
    monkeypatch.setattr(plots, "_MAX_POINTS", 3000)
    sample = ParitySample(["O"])
    for number in range(200):
        forces = np.full((50, 3), float(number))
        sample.add(forces, -forces, np.zeros(50, int))
    true, predicted = sample.components(0)
    assert 1500 <= len(true) <= 3000
    np.testing.assert_array_equal(true, -predicted)
    shares = np.histogram(predicted, bins=4, range=(0, 200))[0] / len(predicted)
    assert np.all(np.abs(shares - 0.25) < 0.05)  # four standard deviations of about 700 atoms


# --- the plot -----------------------------------------------------------------------------------------------------


def test_a_png_with_a_panel_for_each_species_that_occurs(tmp_path):
    one, both = tmp_path / "one.png", tmp_path / "both.png"
    assert parity_plot(*gathered([random_frame(species=1)]), "oxygen", one) == one
    parity_plot(*gathered([random_frame(seed=1), random_frame(seed=2)]), "both", both)
    # 4.6 inches a panel and 0.6 in addition, 4.7 high, 130 dots an inch
    assert size_of_png(one) == (676, 611)
    assert size_of_png(both) == (1274, 611)
    assert sorted(tmp_path.iterdir()) == [both, one]


def test_the_figures_stand_in_the_plot(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    seen, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **kw: seen.append(self) or save(self, *a, **kw))
    true = np.array([[3.0, 0, 4], [0, -6, 0]])
    predicted = np.array([[0.0, 0, 4], [0, -5, 0]])
    parity_plot(*gathered([(predicted, true, np.array([0, 1]))]), "model on data", tmp_path / "a.png")
    (shown,) = seen
    line_with(shown.get_suptitle(), "model on data", "|F| = 36.36%")
    panels = [axis for axis in shown.axes if axis.get_title()]
    assert [axis.get_title() for axis in panels] == [
        "O: MAE 1 kcal/mol/A, 60.00% of mean |F|",
        "H: MAE 0.333 kcal/mol/A, 16.67% of mean |F|",
    ]
    for axis, largest in zip(panels, (4, 6), strict=True):
        assert axis.get_xlim() == axis.get_ylim() == pytest.approx((-1.05 * largest, 1.05 * largest))


def test_forces_of_zero_can_be_drawn(tmp_path):
    nothing = (np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(2, int))
    size_of_png(parity_plot(*gathered([nothing]), "nothing", tmp_path / "zero.png"))


def test_an_existing_file_is_refused_and_stays(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("precious")
    with refused(OutputError, file=path):
        parity_plot(*gathered([random_frame()]), "again", path)
    assert path.read_text() == "precious"
    parity_plot(*gathered([random_frame()]), "again", path, overwrite=True)
    size_of_png(path)
    assert (tmp_path / "a.png.old-1").read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 2


def test_no_figure_stays_open(tmp_path):
    from matplotlib import pyplot

    (tmp_path / "a.png").touch()
    with refused(OutputError):
        parity_plot(*gathered([random_frame()]), "again", tmp_path / "a.png")
    parity_plot(*gathered([random_frame()]), "again", tmp_path / "b.png")
    assert pyplot.get_fignums() == []
