"""Fuzzers of every file that gnnzoo reads, one module for each format, and the guard that runs them."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fuzzers.fuzzer import Fuzzer

# Format -> module and class; those without TensorFlow first.
FUZZERS = {
    "dump": "dump:DumpFuzzer",
    "log": "log:LogFuzzer",
    "extxyz": "extxyz:ExtxyzFuzzer",
    "deepmd": "deepmd:DeepmdFuzzer",
    "h5md": "h5md:H5mdFuzzer",
    "recipe": "recipe:RecipeFuzzer",
    "tfrecord": "tfrecord:TfrecordFuzzer",
    "gnnzoo.json": "model:InfoFuzzer",
    "card": "model:CardFuzzer",
    "example": "example:ExampleFuzzer",
    "keras": "model:KerasFuzzer",
    "checkpoint": "model:CheckpointFuzzer",
}


def load_fuzzer(name: str) -> "Fuzzer":
    """Import and make the fuzzer of a format."""
    module, _, kind = FUZZERS[name].partition(":")
    return getattr(importlib.import_module(f"fuzzers.{module}"), kind)()
