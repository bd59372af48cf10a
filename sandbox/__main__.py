"""``python -m sandbox`` is the command ``sandbox``, for where its folder is not on the path."""

import sys

from sandbox.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
