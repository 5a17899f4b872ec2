"""Tables of a pair model: LAMMPS' own `pair_style table` has the model's forces, and energies that belong to them."""

import subprocess

import numpy as np
import pytest

from errors import refused
from gnnzoo.deploy.lammps.input_files import write_input_files
from gnnzoo.deploy.lammps.pair_table import COMMANDS, CURVE_POINTS, TABLE, check_pairwise, write_pair_tables
from gnnzoo.errors import ModelError
from gnnzoo.evaluation.pairs import one_curve_each, pair_curves
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField
from small import WATER, recipe
from systems import water_frame

SILU = {"units": 4, "hidden_layers": 0, "activation": "silu"}
ENCODER = {"layer": "atom_encoder", **SILU}
HEAD = {"layer": "pair_force_decoder", **SILU}
MESSAGE = {"layer": "message_passing", "combine": "sum", **SILU}
RADIAL = {"cutoff": 3.5, "edges": ["radial"]}


def force_field(layers=(ENCODER, HEAD), graph=RADIAL, molecules=False) -> ForceField:
    made = recipe(WATER, graph=graph, model={"layers": list(layers)})
    network = build_network(made, ["O", "H"], Scales(force=20.0, neighbors=12.0))
    dataset = {"molecules": molecules}
    types = {"1": "O", "2": "H"}
    return ForceField(network, made, {"species": ["O", "H"], "types": types, "units": "real", "dataset": dataset})


def sections(path) -> dict[str, np.ndarray]:
    """Name -> rows of distance, energy, force."""
    found = {}
    for part in path.read_text().split("#")[1:]:
        _, name, _, *rows = [line for line in part.splitlines() if line]
        found[name] = np.array([row.split()[1:] for row in rows], float)
    return found


def test_lammps_has_the_forces_of_the_model(uncompiled, folder):
    model, frame = force_field(), water_frame()
    curves = pair_curves(model, first=0.5, points=CURVE_POINTS)
    assert write_pair_tables(model, curves, folder, frame) < 1e-4
    write_input_files(model, folder, frame)
    text = (folder / "in.lammps").read_text()
    style = text[text.index("pair_style") : text.index("timestep")]
    script = text.replace(style, f"include {COMMANDS}\n").replace(
        "run ${steps}", "run 0\nwrite_dump all custom forces id fx fy fz modify sort id format float %.9g"
    )
    (folder / "in").write_text(script)
    subprocess.run(["lmp", "-in", "in", "-log", "none"], check=True, capture_output=True, timeout=60)
    live = model.forces(frame)
    np.testing.assert_allclose(np.loadtxt("forces", skiprows=9)[:, 1:], live, atol=1e-4 * np.abs(live).max())


def test_energies_are_integrals_of_the_forces(uncompiled, folder):
    model = force_field()
    write_pair_tables(model, pair_curves(model, first=0.5, points=CURVE_POINTS), folder, water_frame())
    found = sections(folder / TABLE)
    assert set(found) == {"O-O", "O-H", "H-H"}
    for r, energy, force in (table.T for table in found.values()):
        assert (r[0], r[-1], energy[-1], len(r)) == (0.5, 3.5, 0.0, 2000)
        slope = -np.gradient(energy, r, edge_order=2)
        np.testing.assert_allclose(slope, force, atol=1e-4 * np.abs(force).max())


def test_data_with_molecules_make_one_table_for_each_two_species(uncompiled, folder):
    """Training counted bonded and other pairs apart, and the model reads none of it."""
    model, bins = force_field(), np.zeros(100, int)
    begin = {"O-O": 60, "O-H": 50, "O-H bonded": 20, "H-H": 55, "H-H same molecule": 30}
    counts = {name: np.where(np.arange(100) >= first, 1, bins).tolist() for name, first in begin.items()}
    model.info["statistics"] = {"distances": {"bins": 100, "counts": counts}}
    curves = one_curve_each(pair_curves(model, points=CURVE_POINTS))
    assert {curve.name: curve.distances[0] for curve in curves} == pytest.approx({"O-H": 0.7, "H-H": 1.05, "O-O": 2.1})
    assert write_pair_tables(model, curves, folder, water_frame()) < 1e-4


OTHERS = {
    "neighbours": force_field([ENCODER, MESSAGE, HEAD]),
    "a normalization over the box": force_field([ENCODER, {"layer": "graph_norm"}, HEAD]),
    "an energy": force_field([ENCODER, MESSAGE, {"layer": "energy_decoder", **SILU}]),
    "molecules": force_field(graph={"cutoff": 3.5, "edges": ["bond", "radial"]}, molecules=True),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_have_no_table(name):
    with refused(ModelError, hint="gnnzoo freeze without --table"):
        check_pairwise(OTHERS[name])
    check_pairwise(force_field())
