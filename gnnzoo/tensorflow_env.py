"""Environment of TensorFlow and Keras, to be prepared before they are imported, and their log output."""

import functools
import importlib.abc
import importlib.util
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable

# Packages whose deprecation warnings the user can do nothing about.
_CHATTY_PACKAGES = r"(tensorflow|tensorflow_gnn|tf_keras|keras|absl|google|apache_beam|networkx|ml_dtypes)(\.|$)"


def quiet_tensorflow(debug: bool = False) -> None:
    """Prepare the process for TensorFlow; to be called before it loads.

    Sets what the libraries read from the environment when they are imported (TF-GNN beside Keras 3 needs tf-keras), and
    unless `debug` keeps what TensorFlow reports about itself from the screen.
    """
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _QuietLoading)]
    if debug:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.filterwarnings("ignore", module=_CHATTY_PACKAGES)
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _QuietLoading())


class _QuietLoading(importlib.abc.MetaPathFinder):
    """Loads TensorFlow without the lines it logs before its own log level counts.

    Those lines come from C++ and go to file descriptor 2 directly, whatever TF_CPP_MIN_LOG_LEVEL says.
    """

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = functools.partial(_without_early_log, spec.loader.exec_module)
        return spec


_EARLY_LOG = re.compile(rb"^(WARNING: All log messages before absl|[IWE]\d{4} |To enable the following instructions)")


def _without_early_log(load: Callable, module) -> None:
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            load(module)
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)
            caught.seek(0)
            for line in caught:
                if not _EARLY_LOG.match(line):
                    os.write(2, line)
