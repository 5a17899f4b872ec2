"""Messages of a training about the energies of its frames."""

from types import SimpleNamespace

import numpy as np

from gnnzoo.data.graphs.energy_offsets import EnergyOffsets
from gnnzoo.workflows.steps.training_messages import _composition, _report_energies
from lines import line_with
from small import MemoryDataset
from systems import few_atoms, water_frame


def messages(caplog, offsets):
    caplog.set_level("INFO")
    _report_energies(SimpleNamespace(species=["O", "H"], energy_offsets=offsets), "metal", trained_on=True)
    return {record.levelname: record.getMessage() for record in caplog.records}


def test_where_the_energies_of_isolated_atoms_are_from(caplog):
    found = messages(caplog, EnergyOffsets([-439.25, -13.5], ["fitted", "isolated"], []))
    line_with(found["INFO"], "eV", "O -439.25 (fitted)", "H -13.5 (isolated")
    assert "WARNING" not in found


def test_energies_that_the_compositions_do_not_determine(caplog):
    found = messages(caplog, EnergyOffsets([-155.0, -155.0], ["undetermined", "undetermined"], [[0.894, -0.447]]))
    line_with(found["INFO"], "O -155 (undetermined)")
    line_with(found["WARNING"], "O, H", "data.isolated_energies")


def test_numbers_of_atoms_of_frames_that_differ():
    whole = water_frame()
    few = few_atoms(whole, np.arange(4))
    assert _composition(MemoryDataset([few, whole])) == "2 to 8 O (type 1), 2 to 16 H (type 2)"
    assert _composition(MemoryDataset([whole, whole])) == "8 O (type 1), 16 H (type 2)"
