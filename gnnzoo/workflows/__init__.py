"""One function per task, which opens, calls and writes: the public Python API, which alone knows all floors."""
