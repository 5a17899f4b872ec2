"""The report of an inspection: rows, warnings, and the HTML page."""

import base64
import json
import re
import xml.etree.ElementTree

import numpy as np
import pytest

import dumps
from frames_in_memory import Frames, argon, frame, frames_of
from gnnzoo.data.inspection.data_warnings import data_warnings
from gnnzoo.data.inspection.describe import describe_dataset
from gnnzoo.data.inspection.html_report import figures, html_page
from gnnzoo.data.inspection.text_report import main_pairs, overview, unit_lines
from lines import line_with
from systems import changed


def report_of(frames, cutoffs=(), **provenance):
    return describe_dataset(Frames(frames, **provenance), cutoffs)


def page_of(report):
    return html_page("<a & b>", report, data_warnings(report))


@pytest.fixture(scope="module")
def water():
    frames = frames_of(dumps.water(frames=4, side=3), type_names={1: "O", 2: "H"}, units="real")
    return report_of(frames, digits={"positions": 6, "forces": 6})


def test_the_page_holds_its_plots(water):
    page = page_of(water)
    assert "&lt;a &amp; b&gt;" in page
    assert "<a & b>" not in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    plots = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert len(plots) == len(figures(water)) >= 3
    for plot in plots:
        assert xml.etree.ElementTree.fromstring(base64.b64decode(plot)).tag.endswith("svg")


def test_the_end_of_the_first_shell_is_marked():
    report = report_of([changed(each, type_names={1: "Ar"}, units="real") for each in argon(frames=8)])
    (axis,) = figures(report)["rdf"].axes
    marked = [line.get_xdata()[0] for line in axis.lines if len(set(line.get_xdata())) == 1]
    assert report.rdf.pairs["Ar-Ar"].first_shell in marked
    assert 4.6 < report.rdf.pairs["Ar-Ar"].first_shell < 5.8


def test_of_many_types_the_frequent_ones_are_shown():
    kinds = np.repeat(np.arange(1, 7), [4, 4, 4, 4, 4, 7]).astype(np.int32)  # 21 pairs of types
    frames = frames_of(dumps.argon(frames=2, side=3), types=kinds)
    report = report_of(frames)
    assert len(report.rdf.pairs) == 21
    assert len(figures(report)["rdf"].axes) == len(main_pairs(report)) == 12
    assert "6-6" in main_pairs(report)
    line_with(page_of(report), "9 more")


def test_temperature_is_plotted_with_velocities(water):
    def labels(report):
        return [axis.get_ylabel() for axis in figures(report)["along"].axes]

    moving = report_of([changed(each, type_names={1: "Ar"}, units="real") for each in argon(frames=3)])
    assert "temperature, K" in labels(moving)
    assert not any("temperature" in label for label in labels(water))


def test_several_segments_are_plotted_by_frame():
    frames = frames_of(dumps.argon(frames=3)) + frames_of(dumps.argon(frames=3, seed=1), segment=1)
    assert figures(report_of(frames))["along"].axes[0].get_xlabel() == "frame"


def test_overview_of_water(water):
    rows = dict(overview(water))
    assert rows["units"] == "real"
    line_with(rows["rounding error"], " % of ", "|F|", "O-H")
    assert "g/cm3" in rows["density"]
    line_with(unit_lines(water)[0], "units: ", "real", "declared")
    assert data_warnings(water) == []


def warning_about(frames, word, **provenance):
    found = [line for line in data_warnings(report_of(frames, **provenance)) if word in line]
    assert len(found) == 1
    return found[0]


def test_each_warning():
    cold = frames_of(dumps.argon(frames=10, side=3), type_names={1: "Ar"}, units="real")
    heating = [changed(each, forces=each.forces * (0.4 + 0.1 * number)) for number, each in enumerate(cold)]
    line_with(warning_about(heating, "equilibrated"), "mean |F|", "blocks")
    pushed = [changed(each, forces=each.forces + np.array([0.1, 0, 0])) for each in cold]
    assert "zero" in warning_about(pushed, "net force")
    held = [changed(each, forces=np.where(np.arange(27)[:, None] < 3, 0, each.forces)) for each in cold]
    assert "3 atoms" in warning_about(held, "setforce")
    hit = [changed(each, forces=each.forces + (np.arange(27)[:, None] == 5) * 1e5) for each in cold]
    line_with(warning_about(hit, "median"), "atom 6", "Ar")
    coarse = [changed(each, positions=np.round(each.positions, 1)) for each in cold]
    assert "format float %.9g" in warning_about(coarse, "digits", digits={"positions": 2, "forces": 6})
    nameless = [changed(each, type_names={}, units=None) for each in cold]
    assert "--units" in warning_about(nameless, "units")
    assert "--types 1=NAME" in warning_about(nameless, "types")
    wrong = [changed(each, units="lj") for each in cold]
    assert warning_about(wrong, "units lj")


@pytest.mark.parametrize(
    "frames",
    [
        [frame([[1, 1, 1], [2, 1, 1]], [[1, 0, 0], [-1, 0, 0]], np.eye(3) * 10)],
        [frame([[1, 1, 1], [2, 1, 1]], np.zeros((2, 3)), np.eye(3) * 10, boundary=("ff", "ss", "fm"))],
        [frame([[1, 1, 1]], np.zeros((1, 3)), np.eye(3))],
        [frame([[1, 1, 1], [1, 1, 1]], np.zeros((2, 3)), np.eye(3) * 9, step) for step in range(3)],
        [
            frame(np.random.default_rng(n).uniform(0, 9, (n, 3)), np.ones((n, 3)), [[9, 0, 0], [3, 9, 0], [1, 2, 9]], n)
            for n in range(5, 12)
        ],
    ],
    ids=["two", "open", "one", "same-place", "changing-tilted"],
)
def test_odd_data(frames):
    report = report_of(frames, cutoffs=[2.0])
    assert report.frames == len(frames)
    assert "2" in report.geometry.edges_per_atom
    assert "<img" in page_of(report)
    plain = report.to_json()  # numbers that JSON has, and keys that are text
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
