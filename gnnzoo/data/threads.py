"""Work done ahead, in threads: reading, parsing and writing overlap, because all three release the GIL."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
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


def ahead(items: Iterable[T], depth: int = 1) -> Iterator[T]:
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


def parallel(work: Callable[[T], R], items: Iterable[T], workers: int = 2) -> Iterator[R]:
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
