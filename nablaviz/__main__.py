"""``python -m nablaviz`` is the ``nablaviz`` command."""

import sys

from nablaviz.cli import main

sys.exit(main())
