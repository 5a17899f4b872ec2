"""Preparation of data for training: the recipe's split, and scales from the training split."""

import numpy as np

from correlated_runs import frame, liquid
from errors import refused
from gnnzoo.errors import DataError
from gnnzoo.training.prepare import prepare
from small import ARGON, MemoryDataset, argon_dataset, recipe
from systems import changed


def declared(**split):
    return recipe(data=ARGON["data"] | {"types": None, "units": None, "split": split})


def argon_liquid(frames, *arguments, **options):
    names = {"type_names": {1: "Ar"}}
    return [frame(f.positions, f.forces, f.step, f.segment, **names) for f in liquid(frames, *arguments, **options)]


def test_the_split_that_the_recipe_declares_is_the_one_used():
    dataset = MemoryDataset(argon_liquid(60, 4, 1, atoms=30))
    kept = prepare(declared(gap=2, blocks=1, train=0.5, validation=0.3, test=0.2), dataset)
    assert (len(kept.split.validation), len(kept.split.test)) == (18, 12)
    assert kept.split_report.gap == 2 and kept.split_report.declared
    cut = prepare(declared(method="cut", gap=0), dataset)
    assert cut.split.train.tolist() == list(range(48))
    assert prepare(declared(method="random"), dataset).split_report.method == "random"


def test_files_that_the_recipe_names_are_held_out():
    frames = [one for run in range(3) for one in argon_liquid(6, 4, 1, atoms=30, seed=run, segment=run)]
    dataset = MemoryDataset(frames, np.repeat(np.arange(3), 6).tolist(), ("a.dump", "b.dump", "c.dump"))
    made = prepare(declared(method="file", validation_files=["b*"], test_files=["c.dump"]), dataset)
    assert made.split.to_json() == {
        "train": list(range(6)),
        "validation": list(range(6, 12)),
        "test": list(range(12, 18)),
    }
    with refused(DataError, "d.dump"):
        prepare(declared(method="file", validation_files=["d.dump"], test_files=["c.dump"]), dataset)


def test_scales_come_from_the_training_part_alone():
    dataset = argon_dataset(20)
    prepared = prepare(recipe(), dataset)
    held_out = {*prepared.split.validation.tolist(), *prepared.split.test.tolist()}
    loud = [
        frame(f.positions, f.forces * (1000 if number in held_out else 1), f.step, cell=f.cell, type_names={1: "Ar"})
        for number, f in enumerate(dataset.frames)
    ]
    changed = prepare(declared(**ARGON["data"]["split"]), MemoryDataset(loud))
    assert changed.split.to_json() == prepared.split.to_json()
    assert changed.scales == prepared.scales


def test_an_open_box_is_refused_before_training_where_the_stack_reads_waves():
    raw = ARGON["graph"] | {"waves": 1.7}
    stack = [*ARGON["model"]["layers"][:1], {"layer": "wave_message"}, {"layer": "vector_force_decoder", "units": 8}]
    stack.insert(2, {"layer": "atomic_density"})
    settings = recipe(graph=raw, model={"layers": stack})
    closed = argon_dataset()
    assert prepare(settings, closed).statistics.force_rms > 0
    frames = [changed(frame, boundary=("pp", "pp", "ff")) for frame in closed.frames]
    with refused(DataError, file="memory", expected="p p p"):
        prepare(settings, MemoryDataset(frames))
