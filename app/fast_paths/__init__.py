"""What is written by hand for speed: raw statements, rows cut by position, fewer checks.

Everything else reads like ordinary FastAPI and SQLAlchemy. Every module says why it is here, what was
measured (docs/speed.md, bench/speed) and when it can go. New code does not begin here: write it the
ordinary way, measure, and come back with the figure.
"""
