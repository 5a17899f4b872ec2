"""Rounding error of the forces against known stiffness and rounding."""

import numpy as np
import pytest

import dumps
from frames_in_memory import Frames, dimers, frame, frames_of
from gnnzoo.data.inspection.pair_sample import pairs_of, sample_pairs
from gnnzoo.data.inspection.rounding_error import _following, force_rounding_error, stiffest_bond
from gnnzoo.data.inspection.temperature import thermal_energy
from gnnzoo.data.lammps.printed_digits import rms_rounding
from systems import changed


def bond_of(frames):
    data = Frames(frames)
    return stiffest_bond(data, sample_pairs(data))


def test_stiffest_bond_of_water():
    bond = bond_of(frames_of(dumps.water(frames=6, side=3), type_names={1: "O", 2: "H"}))
    assert sorted(bond.pair.split("-")) == ["H", "O"]
    assert bond.stiffness == pytest.approx(1059.162, rel=0.01)
    assert bond.distance == pytest.approx(1.0, abs=0.03)


def test_stiffness_of_one_frame_and_in_a_static_field():
    frames = dimers(stiffness=700.0)
    assert bond_of(frames[:1]).stiffness == pytest.approx(700, rel=0.01)
    # a force on each atom that stays from frame to frame, and stretches its bond as it does in a frozen start
    field = np.random.default_rng(2).normal(scale=30.0, size=frames[0].forces.shape)
    fixed = [changed(f, forces=f.forces + field) for f in frames]
    assert bond_of(fixed).stiffness == pytest.approx(700, rel=0.1)


def test_frames_after_a_pause_are_not_compared():
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
def test_rounding_error_of_printed_numbers(style, digits):
    true = np.random.default_rng(0).uniform(-20, 20, size=(4000, 3))
    printed = np.array([float(style % x) for x in true.ravel()]).reshape(true.shape)
    found = rms_rounding(printed, digits)
    assert found == pytest.approx(np.sqrt(np.mean((printed - true) ** 2)), rel=0.05)


def test_error_of_forces_from_rounded_positions():
    frames = dimers(stiffness=1000.0)
    printed = [changed(f, positions=np.vectorize(lambda x: float(f"{x:.4g}"))(f.positions)) for f in frames]
    data = Frames(printed, digits={"positions": 4, "forces": 17})
    pairs = sample_pairs(data)
    error = force_rounding_error(pairs, data.provenance, mean_norm=20.0, bond=stiffest_bond(data, pairs))
    lengths = [
        [np.linalg.norm(f.positions[216:] - f.positions[:216], axis=1) for f in some] for some in (frames, printed)
    ]
    true = 1000.0 * np.sqrt(np.mean(np.square(np.subtract(*lengths))))
    assert error.floor == pytest.approx(true, rel=0.1)
    assert error.share == pytest.approx(error.floor / 20)
    assert error.cure == "dump_modify ID format float %.9g"
    assert thermal_energy(pairs) > 0


def test_rounding_error_of_scaled_positions():
    frames = [frame(np.full((30, 3), 45.0), np.ones((30, 3)), np.eye(3) * 100)]
    pairs = sample_pairs(Frames(frames), 1.0)
    provenance = {"digits": {"positions": 4, "forces": 6}, "columns": ["id", "type", "xs", "ys", "zs"]}
    # 0.45 printed to 4 digits: the last one is 1e-4, of 100 long: 0.01
    error = force_rounding_error(pairs, provenance, 1.0)
    assert error.positions_rounding == pytest.approx(0.01 / 12**0.5)
    assert error.floor is None


def test_unknown_digits():
    error = force_rounding_error(sample_pairs(Frames(dimers(frames=1))), {}, 1.0)
    assert (error.floor, error.forces_rounding) == (None, None)
