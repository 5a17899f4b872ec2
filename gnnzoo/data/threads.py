"""Work done ahead, in threads: reading, parsing and writing overlap, because all three release the GIL."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE = 0.1  # seconds between two looks at whether anybody still wants the results
_FAREWELL = 2.0  # seconds that leaving waits for the thread, which may hang on a pipe that nobody writes to


class _End:
    """The last thing in the queue: how the work ended."""

    def __init__(self, error: BaseException | None = None):
        self.error = error


def prefetch(items: Iterable[T], depth: int = 1) -> Generator[T, None, None]:
    """The items, made in a thread, at most `depth` of them waiting; an error there is raised here.

    Leaving the loop early stops the thread before the next item.
    """
    results: queue.Queue = queue.Queue(depth)
    left = threading.Event()

    def put(item) -> bool:
        while not left.is_set():
            try:
                results.put(item, timeout=_PATIENCE)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_End())
        except BaseException as error:  # whatever it is, it belongs to the one who asked for the items
            put(_End(error))

    thread = threading.Thread(target=work, daemon=True, name="gnnzoo-ahead")
    thread.start()
    try:
        while not isinstance(item := results.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        left.set()
        thread.join(_FAREWELL)


def ordered_map(work: Callable[[T], R], items: Iterable[T], workers: int = 2) -> Iterator[R]:
    """`work` of each item, in the order of the items, made by several threads; an error there is raised here."""
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="gnnzoo-parallel") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


class Prefetcher:
    """Runs `make(item)` for each item in a thread, a few items ahead; iterate over it, and leave with `with`."""

    def __init__(self, items: Iterable, make: Callable, prefetch: int = 3):
        self._items, self._make = items, make
        self._queue: queue.Queue = queue.Queue(maxsize=prefetch)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)

    def __enter__(self) -> "Prefetcher":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopped.set()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._thread.join()

    def _put(self, entry: tuple) -> None:
        while not self._stopped.is_set():
            try:
                return self._queue.put(entry, timeout=0.1)
            except queue.Full:
                continue

    def _work(self) -> None:
        try:
            for item in self._items:
                if self._stopped.is_set():
                    return
                self._put(("item", self._make(item)))
            self._put(("end", None))
        except BaseException as error:  # handed over to the thread that waits for the item
            self._put(("error", error))

    def __iter__(self) -> Iterator:
        while True:
            kind, value = self._queue.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
