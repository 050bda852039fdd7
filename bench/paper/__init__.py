"""The paper's tables and figures, made again: `python -m bench.paper --help`."""
