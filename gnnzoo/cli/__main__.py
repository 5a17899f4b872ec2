"""python -m gnnzoo.cli: the command line where the script `gnnzoo` is not on PATH."""

from gnnzoo.cli import main

main()
