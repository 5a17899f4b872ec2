"""What a transfer is worth, by hand from trainings whose errors are round numbers; and the picture of them."""

import struct

import pytest

from gnnzoo.errors import UserError
from gnnzoo.transfer_learning.learning_curve_plot import learning_curve_plot
from gnnzoo.transfer_learning.learning_curves import LearningCurve, TransferGain, frames_for, gains, verdict


def course(start, frames, error, points=((1, 2, 0.5, 0.9),), before=1.5):
    """A training whose last point, if none is told, matters to nobody."""
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
    """A gain of which the verdict reads these two."""
    return TransferGain(
        frames, transfer=0.1, scratch=0.1 * error, error=error, data=None, most=False, steps=None, seconds=None
    )


# --- one training -------------------------------------------------------------------------------------------------

FALLING = ((1, 2, 0.5, 0.9), (2, 4, 0.6, 0.4), (4, 8, 0.8, 0.5), (8, 16, 1.2, 0.3))


def test_a_course_is_first_below_an_error_where_it_meets_it():
    """The error rises again between: what counts is the first point that is no larger."""
    found = course("scratch", 4, 0.3, FALLING)
    assert found.best == 0.3
    assert found.first_below(0.4) == (2, 0.6)
    assert found.first_below(0.39) == (8, 1.2)
    assert found.first_below(0.29) is None


# --- data ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "frames", "least"),
    [
        # from 10 to 40 frames the error falls from 0.08 to 0.02: half of the way in log(error) is 10 sqrt(4) frames
        (0.04, 20.0, False),
        # a quarter of the way, 0.08 / 4^0.25: 10 * 4^0.25
        (0.0565685425, 14.1421356, False),
        # from 40 to 1,000 it falls from 0.02 to 0.005: half of the way is 40 * 5
        (0.01, 200.0, False),
        # met exactly by a training that was done
        (0.08, 10.0, False),
        (0.02, 40.0, False),
        (0.005, 1000.0, False),
        # no training comes so far
        (0.004, 1000.0, True),
        # even the fewest frames do better
        (0.09, None, False),
    ],
)
def test_frames_for_an_error_lie_between_those_that_are_known(error, frames, least):
    known = [(10, 0.08), (40, 0.02), (1000, 0.005)]
    found, bound = frames_for(error, known)
    assert found == (frames if frames is None else pytest.approx(frames, rel=1e-8))
    assert bound is least


def test_more_frames_that_make_it_worse_are_passed_over():
    """0.05 is not met between 10 and 40 frames, where the error rises, but between 40 and 160: 40 * 4^(1/2)."""
    assert frames_for(0.05, [(10, 0.08), (40, 0.1), (160, 0.025)]) == (pytest.approx(80.0), False)


def test_one_number_of_frames_gives_a_bound_alone():
    assert frames_for(0.04, [(10, 0.08)]) == (10.0, True)


# --- gains --------------------------------------------------------------------------------------------------------


def test_a_transfer_that_helps_saves_data_steps_and_time():
    found = gains(
        [
            course("transfer", 10, 0.04, ((1, 2, 0.5, 0.5), (4, 8, 2.0, 0.1), (8, 16, 3.0, 0.05))),
            course("scratch", 10, 0.08, ((1, 2, 0.5, 0.9), (8, 16, 6.0, 0.1), (16, 32, 9.0, 0.2))),
            course("scratch", 40, 0.02),
        ]
    )
    # half the error; 20 frames of scratch for 10; its best, 0.1 after 8 steps and 6 s, is met after 4 steps and 2 s
    (only,) = found  # at 40 frames there is nothing to compare
    assert (only.frames, only.transfer, only.scratch, only.most) == (10, 0.04, 0.08, False)
    assert (only.error, only.steps, only.seconds) == (pytest.approx(2), 2.0, 3.0)
    assert only.data == pytest.approx(2)


def test_a_transfer_that_harms_is_worth_no_data():
    moved = course("transfer", 10, 0.2, ((1, 2, 0.5, 0.6), (8, 16, 2.4, 0.11)))
    (found,) = gains([moved, course("scratch", 10, 0.1, FALLING)])
    assert found.error == pytest.approx(0.5)
    assert (found.data, found.most) == (None, False)  # not even the fewest frames from scratch are as bad
    assert (found.steps, found.seconds) == (1.0, 0.5)  # the 0.3 of scratch: both after 8 steps, 1.2 s against 2.4


def test_a_transfer_may_never_reach_the_training_from_scratch():
    (found,) = gains([course("transfer", 10, 0.2, ((8, 16, 1.0, 0.31),)), course("scratch", 10, 0.1, FALLING)])
    assert (found.steps, found.seconds) == (None, None)


def test_beyond_the_largest_training_from_scratch_the_data_are_a_bound():
    few, many = gains(
        [
            course("scratch", 100, 0.02),
            course("transfer", 100, 0.01),
            course("transfer", 10, 0.05),
            course("scratch", 10, 0.08),
        ]
    )
    assert (few.frames, many.frames) == (10, 100)  # ascending, in whatever order they were done
    # log(0.08 / 0.05) / log(0.08 / 0.02) = 0.33904 of the way from 10 to 100 frames: 10^0.33904 times as many
    assert (few.data, few.most) == (pytest.approx(2.18291, rel=1e-5), False)
    assert (many.data, many.most) == (1.0, True)


def test_a_gain_and_a_course_are_plain_values():
    made = course("transfer", 10, 0.04, FALLING)
    assert LearningCurve(**made.as_dict()) == made
    assert made.as_dict()["points"][1] == (2, 4, 0.6, 0.4)
    (found,) = gains([made, course("scratch", 10, 0.08)])
    assert TransferGain(**found.as_dict()) == found


def test_a_training_from_scratch_without_any_error():
    (found,) = gains([course("transfer", 10, 0.1), course("scratch", 10, 0.0)])
    assert "times more" in verdict([found])


def test_a_training_that_took_next_to_no_time():
    (found,) = gains([course(start, 10, 0.1, ((1, 2, 0.0, 0.5),)) for start in ("transfer", "scratch")])
    assert found.steps == 1


# --- the verdict --------------------------------------------------------------------------------------------------


def test_the_verdict_says_where_it_helps_where_not_and_where_it_harms():
    told = verdict([gain(1, 3.24), gain(3, 2.0), gain(10, 1.19), gain(30, 0.5)])
    assert told == (
        "with 1 and 3 frames the transfer errs 2 to 3.2 times less than training from scratch; "
        "with 10 frames it makes no difference (less than a factor of 1.2); with 30 frames it errs 2 times more"
    )


def test_the_verdict_on_a_transfer_that_is_worth_nothing():
    assert verdict([gain(1, 1.0)]) == (
        "the transfer does not help; with 1 frame it makes no difference (less than a factor of 1.2)"
    )
    # 1 / 0.8 = 1.25 and 1 / 0.25 = 4
    assert verdict([gain(3, 0.8), gain(10, 0.25)]) == (
        "the transfer does not help; with 3 and 10 frames it errs 1.2 to 4 times more"
    )


@pytest.mark.parametrize(("error", "word"), [(1.2, "less than training"), (1.199, "no difference"), (1 / 1.2, "more")])
def test_a_factor_of_1_2_is_where_a_difference_begins(error, word):
    assert word in verdict([gain(5, error)])


def test_three_numbers_of_frames_are_listed():
    assert verdict([gain(size, 2.0) for size in (1, 3, 10)]).startswith("with 1, 3 and 10 frames the transfer errs 2 ")


# --- the picture --------------------------------------------------------------------------------------------------

COURSES = [
    course("transfer", 40, 0.02, ((1, 2, 0.5, 0.3), (4, 8, 1.0, 0.03)), before=1.4),
    course("scratch", 40, 0.04, ((1, 2, 0.25, 0.9), (4, 8, 0.75, 0.05)), before=1.0),
    course("transfer", 10, 0.05, ((1, 2, 0.5, 0.4), (4, 8, 1.5, 0.06)), before=1.25),
    course("scratch", 10, 0.08, ((1, 2, 0.25, 0.8), (4, 8, 1.25, 0.07)), before=1.0),
]


def size_of_png(path):
    """(width, height) in pixels, from the header."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """The figure of those courses, as it was saved."""
    from matplotlib.figure import Figure

    seen, save = [], Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **kw: seen.append(self) or save(self, *a, **kw))
    assert learning_curve_plot(COURSES, "water to argon", tmp_path / "a.png") == tmp_path / "a.png"
    assert size_of_png(tmp_path / "a.png") == (1800, 552)  # 15 by 4.6 inches, 120 dots an inch
    return seen[0]


def lines(axis, style):
    """[(x, y)] of the lines of a style, as lists."""
    chosen = [line for line in axis.get_lines() if line.get_linestyle() == style]
    return [(list(line.get_xdata()), pytest.approx(line.get_ydata())) for line in chosen]


def test_errors_stand_in_per_cent_against_frames_and_seconds(drawn):
    by_frames, by_seconds, _ = drawn.axes
    ours, scratch = [[30, 3], [40, 6]], [[90, 5], [80, 7]]
    for axis, across in (
        (by_frames, [[2, 8]] * 4),
        (by_seconds, [[0.5, 1.0], [0.5, 1.5], [0.25, 0.75], [0.25, 1.25]]),
    ):
        solid = [line for line in lines(axis, "-") if line[0] != [0, 1]]  # but for that of zero forces
        assert [x for x, _ in solid] == across[:2]
        assert [y for _, y in solid] == ours
        assert [x for x, _ in lines(axis, "--")] == across[2:]
        assert [y for _, y in lines(axis, "--")] == scratch
        assert [text.get_text() for text in axis.get_legend().get_texts()] == ["40 frames", "10 frames", "zero-shot"]


def test_the_models_errors_stand_against_training_frames(drawn):
    axis = drawn.axes[2]
    by_label = {line.get_label(): line for line in axis.get_lines()}
    for label, errors in (("transfer", [5, 2]), ("scratch", [8, 4])):
        assert list(by_label[label].get_xdata()) == [10, 40]
        assert by_label[label].get_ydata() == pytest.approx(errors)
    assert by_label["zero-shot"].get_ydata() == pytest.approx(
        [140, 140]
    )  # the same at every number of frames, but here
    assert drawn.get_suptitle().startswith("water to argon: transfer (solid)")


def test_an_existing_picture_is_refused_and_stays(tmp_path):
    from matplotlib import pyplot

    path = tmp_path / "a.png"
    path.write_text("precious")
    with pytest.raises(UserError, match="exists already"):
        learning_curve_plot(COURSES, "again", path)
    assert path.read_text() == "precious"
    learning_curve_plot(COURSES, "again", path, overwrite=True)
    size_of_png(path)
    assert (tmp_path / "a.png.old-1").read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 2
    assert pyplot.get_fignums() == []
