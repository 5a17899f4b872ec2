"""One function per task, which opens, calls and writes: the public Python API, and the only place that knows all floors."""
