"""``python -m pyzbpf`` is the command ``pyzbpf``."""

import sys

from pyzbpf.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
