"""Learning curves and gains of a transfer, calculated by hand from round numbers, and their plot."""

import json
import struct

import pytest

from errors import refused
from gnnzoo.outputs import OutputError
from gnnzoo.transfer_learning.learning_curve_plot import learning_curve_plot
from gnnzoo.transfer_learning.learning_curves import LearningCurve, TransferGain, frames_to_reach, gains, verdict


def curve(start, frames, error, points=((1, 2, 0.5, 0.9),), before=1.5):
    """One training; the default point is for tests that do not read points."""
    return LearningCurve(
        start,
        frames,
        before if start == "transfer" else None,
        before,
        error,
        points[-1][0],
        points[-1][2],
        list(points),
    )


def gain(frames, error):
    """A gain with what the verdict reads."""
    return TransferGain(
        frames,
        transfer=0.1,
        scratch=0.1 * error,
        error=error,
        data=None,
        data_is_lower_bound=False,
        steps=None,
        seconds=None,
    )


# --- one training ---------------------------------------------------------------------------------------------------

FALLING = ((1, 2, 0.5, 0.9), (2, 4, 0.6, 0.4), (4, 8, 0.8, 0.5), (8, 16, 1.2, 0.3))


def test_first_point_of_a_curve_with_at_most_an_error():
    """Also where the error rises again later."""
    found = curve("scratch", 4, 0.3, FALLING)
    assert found.best == 0.3
    assert found.first_at_most(0.4) == (2, 0.6)
    assert found.first_at_most(0.39) == (8, 1.2)
    assert found.first_at_most(0.29) is None


# --- data -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "frames", "least"),
    [
        # from 10 to 40 frames the error falls from 0.08 to 0.02: half of the way in log(error) is 10 sqrt(4) frames
        (0.04, 20.0, False),
        # a quarter of the way, 0.08 / 4^0.25: 10 * 4^0.25
        (0.0565685425, 14.1421356, False),
        # from 40 to 1,000 it falls from 0.02 to 0.005: half of the way is 40 * 5
        (0.01, 200.0, False),
        # exactly the error of a training
        (0.08, 10.0, False),
        (0.02, 40.0, False),
        (0.005, 1000.0, False),
        # smaller than that of all trainings
        (0.004, 1000.0, True),
        # even the fewest frames give less
        (0.09, None, False),
    ],
)
def test_frames_to_reach_an_error_are_interpolated_in_logarithms(error, frames, least):
    known = [(10, 0.08), (40, 0.02), (1000, 0.005)]
    found, bound = frames_to_reach(error, known)
    assert found == (frames if frames is None else pytest.approx(frames, rel=1e-8))
    assert bound is least


def test_an_interval_in_which_the_error_rises_is_skipped():
    """0.05 is not reached between 10 and 40 frames, but between 40 and 160: 40 * 4^(1/2)."""
    assert frames_to_reach(0.05, [(10, 0.08), (40, 0.1), (160, 0.025)]) == (pytest.approx(80.0), False)


def test_one_number_of_frames_gives_a_lower_bound():
    assert frames_to_reach(0.04, [(10, 0.08)]) == (10.0, True)


# --- gains ----------------------------------------------------------------------------------------------------------


def test_gains_of_a_transfer_with_a_smaller_error():
    found = gains(
        [
            curve("transfer", 10, 0.04, ((1, 2, 0.5, 0.5), (4, 8, 2.0, 0.1), (8, 16, 3.0, 0.05))),
            curve("scratch", 10, 0.08, ((1, 2, 0.5, 0.9), (8, 16, 6.0, 0.1), (16, 32, 9.0, 0.2))),
            curve("scratch", 40, 0.02),
        ]
    )
    # half the error; 20 frames from scratch for 10; its best, 0.1 after 8 steps and 6 s, is reached after 4 steps, 2 s
    (only,) = found  # at 40 frames there is no transfer
    assert (only.frames, only.transfer, only.scratch, only.data_is_lower_bound) == (10, 0.04, 0.08, False)
    assert (only.error, only.steps, only.seconds) == (pytest.approx(2), 2.0, 3.0)
    assert only.data == pytest.approx(2)


def test_gains_of_a_transfer_with_a_larger_error():
    moved = curve("transfer", 10, 0.2, ((1, 2, 0.5, 0.6), (8, 16, 2.4, 0.11)))
    (found,) = gains([moved, curve("scratch", 10, 0.1, FALLING)])
    assert found.error == pytest.approx(0.5)
    assert (found.data, found.data_is_lower_bound) == (None, False)  # the fewest frames from scratch give less
    assert (found.steps, found.seconds) == (1.0, 0.5)  # the 0.3 of scratch: both after 8 steps, 1.2 s against 2.4


def test_a_transfer_that_never_reaches_the_error_from_scratch():
    (found,) = gains([curve("transfer", 10, 0.2, ((8, 16, 1.0, 0.31),)), curve("scratch", 10, 0.1, FALLING)])
    assert (found.steps, found.seconds) == (None, None)


def test_beyond_the_largest_training_from_scratch_the_data_gain_is_a_lower_bound():
    few, many = gains(
        [
            curve("scratch", 100, 0.02),
            curve("transfer", 100, 0.01),
            curve("transfer", 10, 0.05),
            curve("scratch", 10, 0.08),
        ]
    )
    assert (few.frames, many.frames) == (10, 100)  # ascending
    # log(0.08 / 0.05) / log(0.08 / 0.02) = 0.33904 of the way from 10 to 100 frames: 10^0.33904 times as many
    assert (few.data, few.data_is_lower_bound) == (pytest.approx(2.18291, rel=1e-5), False)
    assert (many.data, many.data_is_lower_bound) == (1.0, True)


def test_curves_and_gains_as_json():
    made = curve("transfer", 10, 0.04, FALLING)
    written = json.loads(json.dumps(made.to_json()))
    assert written == made.to_json()
    assert written["points"][1] == [2, 4, 0.6, 0.4]
    assert LearningCurve(**written | {"points": [tuple(point) for point in written["points"]]}) == made
    (found,) = gains([made, curve("scratch", 10, 0.08)])
    keys = ["frames", "transfer", "scratch", "error", "data", "most", "steps", "seconds"]
    assert list(found.to_json()) == keys
    assert found.to_json()["most"] is found.data_is_lower_bound


def test_a_training_from_scratch_without_error_gives_a_finite_gain():
    (found,) = gains([curve("transfer", 10, 0.1), curve("scratch", 10, 0.0)])
    assert 0 < found.error < 1e-6


def test_a_training_of_zero_seconds_gives_a_finite_gain():
    (found,) = gains([curve(start, 10, 0.1, ((1, 2, 0.0, 0.5),)) for start in ("transfer", "scratch")])
    assert (found.steps, found.seconds) == (1, 1)


# --- the verdict ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errors", "parts"),
    [
        # 1 / 0.5 = 2
        (
            {1: 3.24, 3: 2.0, 10: 1.19, 30: 0.5},
            [
                "helps",
                "1 and 3 frames",
                "2 to 3.2 times smaller",
                "10 frames",
                "no diff",
                "30 frames",
                "2 times larger",
            ],
        ),
        ({1: 1.0}, ["does not help", "1 frame ", "no difference"]),
        # 1 / 0.8 = 1.25 and 1 / 0.25 = 4
        ({3: 0.8, 10: 0.25}, ["does not help", "3 and 10 frames", "1.2 to 4 times larger"]),
        ({1: 2.0, 3: 2.0, 10: 2.0}, ["helps", "1, 3 and 10 frames", "2 times smaller"]),
        # a difference starts at a factor of 1.2
        ({5: 1.2}, ["helps", "1.2 times smaller"]),
        ({5: 1.199}, ["does not help", "no difference"]),
        ({5: 1 / 1.2}, ["does not help", "1.2 times larger"]),
    ],
    ids=["mixed", "none", "worse", "better", "limit", "below", "inverse"],
)
def test_the_verdict_groups_numbers_of_frames_by_smaller_equal_and_larger_error(errors, parts):
    sentence, place = verdict([gain(frames, error) for frames, error in errors.items()]), 0
    for part in parts:  # in this order
        place = sentence.index(part, place) + len(part)


# --- the plot -------------------------------------------------------------------------------------------------------

CURVES = [
    curve("transfer", 40, 0.02, ((1, 2, 0.5, 0.3), (4, 8, 1.0, 0.03)), before=1.4),
    curve("scratch", 40, 0.04, ((1, 2, 0.25, 0.9), (4, 8, 0.75, 0.05)), before=1.0),
    curve("transfer", 10, 0.05, ((1, 2, 0.5, 0.4), (4, 8, 1.5, 0.06)), before=1.25),
    curve("scratch", 10, 0.08, ((1, 2, 0.25, 0.8), (4, 8, 1.25, 0.07)), before=1.0),
]


def size_of_png(path):
    """(width, height) in pixels, from the header."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """The saved figure of these curves."""
    from matplotlib.figure import Figure

    seen, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **kw: seen.append(self) or save(self, *a, **kw))
    assert learning_curve_plot(CURVES, "water to argon", tmp_path / "a.png") == tmp_path / "a.png"
    assert size_of_png(tmp_path / "a.png") == (1800, 552)  # 15 by 4.6 inches, 120 dots an inch
    return seen[0]


def lines(axis, style):
    """[(x, y)] of the lines of a style, as lists."""
    chosen = [line for line in axis.get_lines() if line.get_linestyle() == style]
    return [(list(line.get_xdata()), pytest.approx(line.get_ydata())) for line in chosen]


def test_errors_are_plotted_in_per_cent_against_frames_seen_and_seconds(drawn):
    by_frames, by_seconds, _ = drawn.axes
    ours, scratch = [[30, 3], [40, 6]], [[90, 5], [80, 7]]
    for axis, across in (
        (by_frames, [[2, 8]] * 4),
        (by_seconds, [[0.5, 1.0], [0.5, 1.5], [0.25, 0.75], [0.25, 1.25]]),
    ):
        solid = [line for line in lines(axis, "-") if line[0] != [0, 1]]  # without the line of zero forces
        assert [x for x, _ in solid] == across[:2]
        assert [y for _, y in solid] == ours
        assert [x for x, _ in lines(axis, "--")] == across[2:]
        assert [y for _, y in lines(axis, "--")] == scratch
        assert [text.get_text() for text in axis.get_legend().get_texts()] == ["40 frames", "10 frames", "zero-shot"]


def test_errors_of_the_models_are_plotted_against_training_frames(drawn):
    axis = drawn.axes[2]
    by_label = {line.get_label(): line for line in axis.get_lines()}
    for label, errors in (("transfer", [5, 2]), ("scratch", [8, 4])):
        assert list(by_label[label].get_xdata()) == [10, 40]
        assert by_label[label].get_ydata() == pytest.approx(errors)
    assert by_label["zero-shot"].get_ydata() == pytest.approx([140, 140])  # of the first curve
    assert drawn.get_suptitle().startswith("water to argon: transfer (solid)")


def test_an_existing_plot_is_refused_and_kept(tmp_path):
    from matplotlib import pyplot

    path = tmp_path / "a.png"
    path.write_text("precious")
    with refused(OutputError, file=path, hint="overwrite"):
        learning_curve_plot(CURVES, "again", path)
    assert path.read_text() == "precious"
    learning_curve_plot(CURVES, "again", path, overwrite=True)
    size_of_png(path)
    assert (tmp_path / "a.png.old-1").read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 2
    assert pyplot.get_fignums() == []
