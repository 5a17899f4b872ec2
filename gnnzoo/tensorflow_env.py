"""Process environment for TensorFlow and Keras, set before they are imported, and suppression of their log output."""

import contextlib
import functools
import importlib.abc
import importlib.util
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from gnnzoo.errors import UserError

# Packages whose deprecation warnings the user can do nothing about.
_CHATTY_PACKAGES = r"(tensorflow|tensorflow_gnn|tf_keras|keras|absl|google|apache_beam|networkx|ml_dtypes)(\.|$)"

# TF-GNN next to Keras 3 needs tf-keras; the networks need Keras on TensorFlow; 3 is silent.
_DEFAULTS = {"TF_USE_LEGACY_KERAS": "1", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}


def quiet_tensorflow(debug: bool = False) -> None:
    """Prepare the process of a command for TensorFlow, before it is imported.

    Sets the environment variables that the libraries read at import, whatever their values were, and suppresses
    TensorFlow's log.

    Args:
        debug: show the log instead.
    """
    os.environ |= _DEFAULTS | {"TF_CPP_MIN_LOG_LEVEL": "0" if debug else "3"}
    _remove_quiet_import()
    _log_filter(shown=debug)
    if not debug:
        warnings.filterwarnings("ignore", module=_CHATTY_PACKAGES)
        _add_quiet_import()


def set_defaults() -> None:
    """Prepare the process of a program that uses gnnzoo as a library, before TensorFlow is imported.

    Environment variables that are set are kept, and the program's own filters of warnings come first. TensorFlow's log
    is suppressed unless TF_CPP_MIN_LOG_LEVEL is set to another value than 3.

    Raises:
        UserError: KERAS_BACKEND is not tensorflow.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    if os.environ["KERAS_BACKEND"] != _DEFAULTS["KERAS_BACKEND"]:
        raise UserError(
            f"KERAS_BACKEND is {os.environ['KERAS_BACKEND']}", expected="tensorflow", hint="unset KERAS_BACKEND"
        )
    warnings.filterwarnings("ignore", module=_CHATTY_PACKAGES, append=True)
    _log_filter(shown=False)
    _remove_quiet_import()
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] == _DEFAULTS["TF_CPP_MIN_LOG_LEVEL"]:
        _add_quiet_import()


class _WithoutRetracing(logging.Filter):
    """Drops the warnings about tf.functions that are traced again, which is done once for each shape on purpose."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()


def _log_filter(shown: bool) -> None:
    """Keep TensorFlow's warnings about retracing from the user unless they are to be `shown`."""
    logger = logging.getLogger("tensorflow")
    for present in [one for one in logger.filters if isinstance(one, _WithoutRetracing)]:
        logger.removeFilter(present)
    if not shown:
        logger.addFilter(_WithoutRetracing())


@contextlib.contextmanager
def root_logger_kept() -> Iterator[None]:
    """Keep absl, with which TensorFlow logs, from adding a handler to the root logger.

    absl calls `logging.basicConfig` where the root logger has no handler; from then on it would print the messages of
    every library to stderr.
    """
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _remove_quiet_import() -> None:
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _QuietImport)]


def _add_quiet_import() -> None:
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
