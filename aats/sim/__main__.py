"""`python -m aats.sim`: the same as `aats sim`."""

import sys

from aats.sim.command import main

if __name__ == "__main__":
    sys.exit(main())
