"""Names of quantities in the files of many programs, and which key is taken."""

import pytest

import gnnzoo
from errors import refused
from gnnzoo.data.extxyz.keys import looks_like, recognized
from gnnzoo.errors import DataError, UserError
from xyz_files import write_xyz


@pytest.mark.parametrize(
    ("keys", "meaning", "source"),
    [
        ("energy Energy ENERGY E free_energy potential_energy Potential_energy total_energy TotEnergy", "energy", ""),
        ("REF_energy energy_ref REF-energy REFEnergy", "energy", "ref"),
        ("dft_energy DFT_energy energy_dft dft_total_energy", "energy", "dft"),
        ("stress stresses Stress", "stress", ""),
        ("virial virials", "virial", ""),
        ("REF_virial REF_virials", "virial", "ref"),
        ("Timestep step", "step", ""),
    ],
)
def test_keys_of_the_comment_line(keys, meaning, source):
    for key in keys.split():
        name = recognized(key, of_atoms=False)
        assert name is not None, key
        assert (name.meaning, name.source) == (meaning, source), key


@pytest.mark.parametrize(
    ("keys", "meaning", "source"),
    [
        ("forces force f F Forces", "forces", ""),
        ("REF_forces REF_force", "forces", "ref"),
        ("dft_forces forces_dft dft_force", "forces", "dft"),
        ("MACE_forces", "forces", "mace"),
        ("vel velo velocities", "velocities", ""),
        ("momenta", "momenta", ""),
        ("charge charges initial_charges q", "charges", ""),
        ("energies local_energy atomic_energies", "energies", ""),
        ("mol molecule mol-id", "molecules", ""),
    ],
)
def test_columns_of_the_rows(keys, meaning, source):
    for key in keys.split():
        name = recognized(key, of_atoms=True)
        assert name is not None, key
        assert (name.meaning, name.source) == (meaning, source), key


def test_qualified_keys_are_no_quantity():
    for key in ("energy_sigma", "config_energy_weight", "forces_std", "energy_unit", "e_fermi"):
        assert recognized(key, False) is recognized(key, True) is looks_like(key) is None, key
    for key in ("formation_energy", "dispersion_energy", "kinetic_energy"):
        assert recognized(key, False) is None, key
        assert looks_like(key) == "energy"
    assert looks_like("gradient") == "forces"


def read(path="a.extxyz", **options):
    made = gnnzoo.convert(path, "a.h5", overwrite=True, **options)
    with gnnzoo.open_dataset("a.h5") as dataset:
        return made, dataset[0]


def test_keys_with_a_prefix_are_taken_together(folder):
    write_xyz("a.extxyz", {"dft_forces": 0.5}, dft_energy=-1.5, dft_virial="4 0 0 0 4 0 0 0 4")
    made, frame = read()
    assert (frame.forces[0, 0], frame.energy, frame.virial[0, 0]) == (0.5, -1.5, 4)
    assert any(all(key in note for key in ("dft_forces", "dft_energy", "dft_virial")) for note in made.notes)
    assert not made.doubts
    taken = {item.name: (item.key, item.frames) for item in made.quantities.taken}
    assert taken == {"forces": ("dft_forces", 1), "energy": ("dft_energy", 1), "virial": ("dft_virial", 1)}
    assert gnnzoo.convert("a.h5", "b.h5").quantities == made.quantities


def test_two_candidates_are_the_users_choice(folder):
    write_xyz("a.extxyz", {"forces": 0.25, "REF_forces": 0.5}, energy=-1, REF_energy=-2, REF_stress="1 2 3 0 0 0")
    with refused(DataError, "REF_forces", "REF_energy", file="a.extxyz") as found:
        read()
    assert "--column forces=REF_forces --column energy=REF_energy" in found.error.hint
    assert "--column forces=forces --column energy=energy" in found.error.hint
    _, frame = read(columns={"forces": "REF_forces", "energy": "REF_energy"})
    assert (frame.forces[0, 0], frame.energy) == (0.5, -2)
    assert frame.virial is not None
    made, frame = read(columns={"forces": "forces"})  # the others follow its source
    assert (frame.forces[0, 0], frame.energy, frame.virial) == (0.25, -1, None)
    assert any(
        "REF_stress" in doubt and "--column forces=forces --column stress=REF_stress" in doubt for doubt in made.doubts
    )


def test_one_energy_next_to_another_is_a_choice_too(folder):
    write_xyz("a.extxyz", {"forces": 0.25}, energy=-1, dft_energy=-2)
    with refused(DataError, file="a.extxyz", hint="--column energy=dft_energy"):
        read()
    assert read(columns={"energy": "dft_energy"})[1].energy == -2


def test_energies_that_are_equal_are_no_choice(folder):
    """As ASE writes the energy and the free energy of most calculators."""
    write_xyz("a.extxyz", {"forces": 0.25}, energy=-1, free_energy=-1)
    assert read()[1].energy == -1
    write_xyz("a.extxyz", {"forces": 0.25}, energy=-1, free_energy=-1.5)
    with refused(DataError, hint="--column energy=free_energy"):
        read()


def test_the_energy_of_another_source_is_not_taken_but_named(folder):
    write_xyz("a.extxyz", {"forces": 0.25}, REF_energy=-1, formation_energy=-3, config_type="bulk")
    made, frame = read()
    assert frame.energy is None
    (doubt,) = made.doubts
    assert all(part in doubt for part in ("REF_energy", "formation_energy", "--column energy=REF_energy"))
    assert read(columns={"energy": "formation_energy"})[1].energy == -3


def test_declared_keys_must_exist_and_fit(folder):
    write_xyz("a.extxyz", {"forces": 0.25, "local_energy": (1.0,)}, dft_energy=-1)
    for columns, error, where in (
        ({"energy": "dft_enrgy"}, DataError, {"expected": "dft_energy"}),
        ({"forces": "dft_energy"}, DataError, {"expected": "forces"}),
        ({"energy": "local_energy"}, DataError, {"hint": "--column energies=local_energy"}),
        ({"forces": "local_energy"}, DataError, {"hint": "forces=local_energy"}),
        ({"force": "forces"}, UserError, {"expected": "forces"}),
        ({"stress": "dft_energy"}, DataError, {"hint": "leave --column stress=dft_energy out"}),
    ):
        with refused(error, **where):
            read(columns=columns)
    assert read(columns={"energies": "local_energy"})[1].energies.tolist() == [1.0, 1.0]


def test_components_in_columns_of_their_own(folder):
    write_xyz("a.extxyz", {"fx": (0.5,), "fy": (0.25,), "fz": (-1.0,), "vx": (1.0,)})
    text = (folder / "a.extxyz").read_text().replace("pos:R:3", "x:R:1:y:R:1:z:R:1")
    (folder / "a.extxyz").write_text(text)
    made, frame = read()
    assert frame.forces.tolist() == [[0.5, 0.25, -1]] * 2
    assert frame.positions[0].tolist() == [1, 2, 3]
    assert any("fx+fy+fz" in note for note in made.notes)
    (folder / "a.extxyz").write_text(text.replace("fx", "gx").replace("fy", "gy").replace("fz", "gz"))
    with refused(DataError, hint="--column forces=gx+gy+gz"):
        read()
    assert read(columns={"forces": "gx+gy+gz"})[1].forces.tolist() == [[0.5, 0.25, -1]] * 2


def test_a_file_without_forces_names_what_they_may_be(folder):
    write_xyz("a.extxyz", {"my_vectors": 0.25, "momenta": 1.0}, energy=-1)
    with refused(DataError, "energy", hint="--column forces=my_vectors") as found:
        read()
    assert "momenta" not in found.error.hint
    assert read(columns={"forces": "my_vectors"})[1].forces[0, 0] == 0.25


def test_columns_of_datasets_cannot_be_declared(folder):
    write_xyz("a.extxyz", {"forces": 0.25})
    gnnzoo.convert("a.extxyz", "a.h5")
    with refused(UserError, hint="--column"):
        gnnzoo.open_dataset("a.h5", columns={"energy": "energy"})
