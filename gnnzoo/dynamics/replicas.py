"""Several runs of one model, whose forces are computed in one batch: for few atoms it saves most of the time.

Each run has a thread of its own. The threads meet where forces are needed: the last one to arrive evaluates all
configurations as one graph without edges between them.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from gnnzoo.deploy.runner import Configuration, Runner

T = TypeVar("T")


class Batch:
    """Where the runs meet.

    Args:
        runner: the model.
        runs: their number.
    """

    def __init__(self, runner: Runner, runs: int) -> None:
        self.evaluations = 0
        self._runners = [runner.copy() for _ in range(runs)]
        self._active: set[int] = set()  # runs that have begun, and that others wait for
        self._waiting: dict[int, list[np.ndarray]] = {}
        self._results: dict[int, dict[str, np.ndarray] | Exception] = {}
        self._changed = threading.Condition()

    def member(self, number: int) -> Runner:
        """The model as one run calls it.

        Args:
            number: of the run, from 0.

        Returns:
            A runner whose `results` waits for the other runs.
        """
        return _Member(self, number, self._runners[number])

    def results(self, number: int, edges: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Wait for the edges of all runs that have begun, and evaluate them together.

        Args:
            number: of the run.
            edges: see `Runner.edges`.

        Returns:
            The results of that run.

        Raises:
            ModelError: the model refuses the configuration of that run.
        """
        if number not in self._active:  # before the runs
            return self._runners[number].evaluated(edges)
        with self._changed:
            self._waiting[number] = edges
            self._evaluate_if_complete()
            self._changed.wait_for(lambda: number in self._results)
            found = self._results.pop(number)
        if isinstance(found, Exception):
            raise found
        return found

    def begin(self) -> None:
        """Begin all runs; from now on they wait for each other."""
        self._active.update(range(len(self._runners)))

    def leave(self, number: int) -> None:
        """End a run: the others no longer wait for it.

        Args:
            number: of the run.
        """
        with self._changed:
            self._active.discard(number)
            self._evaluate_if_complete()

    def _evaluate_if_complete(self) -> None:
        if not self._waiting or set(self._waiting) != self._active:
            return
        members = sorted(self._waiting)
        try:
            found = self._together([self._waiting[member] for member in members])
        except Exception:  # of one of them: each has its own
            found = [self._alone(self._waiting[member]) for member in members]
        self._results.update(zip(members, found, strict=True))
        self._waiting.clear()
        self._changed.notify_all()

    def _alone(self, edges: list[np.ndarray]) -> dict[str, np.ndarray] | Exception:
        try:
            return self._runners[0].evaluated(edges)
        except Exception as error:
            return error

    def _together(self, parts: Sequence[list[np.ndarray]]) -> list[dict[str, np.ndarray] | Exception]:
        """Results of several configurations, by one evaluation where the model is additive."""
        runner = self._runners[0]
        if len(parts) == 1 or not runner.info.additive:
            return [self._alone(edges) for edges in parts]
        self.evaluations += 1
        ends = np.cumsum([len(edges[0]) for edges in parts])
        species, owned, senders, receivers, vectors, classes = (
            np.concatenate(arrays) for arrays in zip(*parts, strict=True)
        )
        first = np.repeat([0, *ends[:-1]], [len(edges[2]) for edges in parts]).astype(senders.dtype)
        found = runner.evaluated([species, owned, senders + first, receivers + first, vectors, classes])
        found.pop("virial", None)  # of all of them
        split = {name: np.split(values, ends[:-1]) for name, values in found.items()}
        results: list[dict[str, np.ndarray] | Exception] = []
        for number in range(len(parts)):
            own = {name: values[number] for name, values in split.items()}
            results.append(own | ({"virial": own["virials"].sum(axis=0)} if "virials" in own else {}))
        return results


class _Member(Runner):
    """The model as one of several runs calls it."""

    def __init__(self, batch: Batch, number: int, runner: Runner) -> None:
        self.info, self._batch, self._number, self._runner = runner.info, batch, number, runner

    def results(self, atoms: Configuration) -> dict[str, np.ndarray]:
        return self._batch.results(self._number, self._runner.edges(atoms))


def run_together(works: Sequence[Callable[[], T]], batch: Batch) -> list[T]:
    """Run functions that share a batch, each in a thread.

    Args:
        works: one for each run of the batch, in its order.
        batch: left by each at its end.

    Returns:
        Their results.

    Raises:
        Exception: the first error of one of them, once all have ended.
    """

    def work(number: int) -> T:
        try:
            return works[number]()
        finally:
            batch.leave(number)

    batch.begin()
    with ThreadPoolExecutor(len(works), thread_name_prefix="gnnzoo-replica") as threads:
        running = [threads.submit(work, number) for number in range(len(works))]
    return [one.result() for one in running]
