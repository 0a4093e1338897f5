"""`python -m styledit`: see `styledit.commands`."""

import sys

from styledit.commands import main

if __name__ == "__main__":
    sys.exit(main())
