"""Process environment for TensorFlow and Keras, set before they are imported, and suppression of their log output."""

import functools
import importlib.abc
import importlib.util
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

# Packages whose deprecation warnings the user can do nothing about.
_CHATTY_PACKAGES = r"(tensorflow|tensorflow_gnn|tf_keras|keras|absl|google|apache_beam|networkx|ml_dtypes)(\.|$)"


def quiet_tensorflow(debug: bool = False) -> None:
    """Prepare the process for TensorFlow, before it is imported.

    Sets the environment variables that the libraries read at import (TF-GNN next to Keras 3 needs tf-keras), and
    suppresses TensorFlow's log.

    Args:
        debug: show the log instead.
    """
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _QuietImport)]
    if debug:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.filterwarnings("ignore", module=_CHATTY_PACKAGES)
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietImport())


class _QuietImport(importlib.abc.MetaPathFinder):
    """Imports TensorFlow without the lines that it logs before it reads TF_CPP_MIN_LOG_LEVEL.

    Those lines come from C++ and go to file descriptor 2 directly.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            quiet = functools.partial(_without_early_log, spec.loader.exec_module)
            setattr(spec.loader, "exec_module", quiet)  # noqa: B010  of this one instance
        return spec


_EARLY_LOG = re.compile(rb"^(WARNING: All log messages before absl|[IWE]\d{4} |To enable the following instructions)")


def _without_early_log(load: Callable[[ModuleType], None], module: ModuleType) -> None:
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            load(module)
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            caught.seek(0)
            for line in caught:
                if not _EARLY_LOG.match(line):
                    os.write(2, line)
