"""python -m bot is the same as huiyin."""

import sys

from bot.cli import main

sys.exit(main())
