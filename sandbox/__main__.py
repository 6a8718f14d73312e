"""`python -m sandbox`: the same command without Django, for where nothing else of the platform is wanted."""

import argparse

from sandbox.command import arguments, run

parser = argparse.ArgumentParser(
    prog="python -m sandbox", description="Every exchange's protocol, one invented market."
)
arguments(parser)
raise SystemExit(run(vars(parser.parse_args())))
