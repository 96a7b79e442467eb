"""`python -m samlet`."""

import sys

from samlet.cli.main import main

sys.exit(main())
