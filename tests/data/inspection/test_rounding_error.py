"""The floor of the digits against stiffness and rounding that are known."""

import numpy as np
import pytest

import dumps
from frames_in_memory import Frames, dimers, frame, frames_of
from gnnzoo.data.inspection.pair_sample import pairs_of, sample_pairs
from gnnzoo.data.inspection.rounding_error import _following, force_rounding_error, rounding, stiffest_bond
from gnnzoo.data.inspection.temperature import thermal_energy
from systems import changed


def bond_of(frames):
    data = Frames(frames)
    return stiffest_bond(data, sample_pairs(data))


def test_the_stiffest_bond_of_water_is_its_harmonic_one():
    bond = bond_of(frames_of(dumps.water(frames=6, side=3), type_names={1: "O", 2: "H"}))
    assert sorted(bond["pair"].split("-")) == ["H", "O"]
    assert bond["stiffness"] == pytest.approx(1059.162, rel=0.01)
    assert bond["distance"] == pytest.approx(1.0, abs=0.03)


def test_stiffness_needs_one_frame_and_is_not_lost_in_a_field():
    frames = dimers(stiffness=700.0)
    assert bond_of(frames[:1])["stiffness"] == pytest.approx(700, rel=0.01)
    # a force on each atom that stays from frame to frame, and stretches its bond as it does in a frozen start
    field = np.random.default_rng(2).normal(scale=30.0, size=frames[0].forces.shape)
    fixed = [changed(f, forces=f.forces + field) for f in frames]
    assert bond_of(fixed)["stiffness"] == pytest.approx(700, rel=0.1)


def test_a_stretch_that_is_left_out_of_a_run_tells_nothing():
    frames = dimers(frames=4)
    data = Frames(
        [*frames[:2], *(changed(f, step=f.step + 10_000) for f in frames[2:]), changed(frames[0], step=10_004)]
    )
    followers = [_following(data, pairs_of(data[index], 2.0, index)) for index in range(5)]
    assert [follower.step for follower in followers] == [1, 0, 10_003, 10_004, 10_003]
    alone = Frames([frames[0], changed(frames[1], segment=1)])
    assert _following(alone, pairs_of(alone[0], 2.0, 0)) is None


def test_rigid_bonds_have_no_stiffness():
    random = np.random.default_rng(0)
    frames = dimers(frames=3)
    rigid = []
    for f in frames:
        bond = f.positions[216:] - f.positions[:216]
        bond /= np.linalg.norm(bond, axis=1, keepdims=True)
        rigid.append(
            changed(
                f,
                positions=np.concatenate([f.positions[:216], f.positions[:216] + bond]),
                forces=random.normal(size=f.forces.shape),
            )
        )
    assert bond_of(rigid) is None


@pytest.mark.parametrize(("style", "digits"), [("%.6g", 6), ("%.4g", 4), ("%.3f", 5)])
def test_rounding_is_what_printing_does(style, digits):
    true = np.random.default_rng(0).uniform(-20, 20, size=(4000, 3))
    printed = np.array([float(style % x) for x in true.ravel()]).reshape(true.shape)
    found = rounding(printed, digits)
    assert found == pytest.approx(np.sqrt(np.mean((printed - true) ** 2)), rel=0.05)


def test_the_floor_is_what_rounding_does_to_the_forces():
    frames = dimers(stiffness=1000.0)
    printed = [changed(f, positions=np.vectorize(lambda x: float(f"{x:.4g}"))(f.positions)) for f in frames]
    data = Frames(printed, digits={"positions": 4, "forces": 17})
    pairs = sample_pairs(data)
    told = force_rounding_error(pairs, data.provenance, mean_norm=20.0, bond=stiffest_bond(data, pairs))
    lengths = [
        [np.linalg.norm(f.positions[216:] - f.positions[:216], axis=1) for f in some] for some in (frames, printed)
    ]
    true = 1000.0 * np.sqrt(np.mean(np.square(np.subtract(*lengths))))
    assert told["floor"] == pytest.approx(true, rel=0.1)
    assert told["share"] == pytest.approx(told["floor"] / 20)
    assert told["cure"] == "dump_modify ID format float %.9g"
    assert thermal_energy(pairs) > 0


def test_scaled_positions_are_rounded_in_shares_of_the_cell():
    frames = [frame(np.full((30, 3), 45.0), np.ones((30, 3)), np.eye(3) * 100)]
    pairs = sample_pairs(Frames(frames), 1.0)
    provenance = {"digits": {"positions": 4, "forces": 6}, "columns": ["id", "type", "xs", "ys", "zs"]}
    # 0.45 printed to 4 digits: the last one is 1e-4, of 100 long: 0.01
    told = force_rounding_error(pairs, provenance, 1.0)
    assert told["positions_rounding"] == pytest.approx(0.01 / 12**0.5)
    assert told["floor"] is None


def test_without_digits_there_is_no_floor():
    told = force_rounding_error(sample_pairs(Frames(dimers(frames=1))), {}, 1.0)
    assert (told["floor"], told["forces_rounding"]) == (None, None)
