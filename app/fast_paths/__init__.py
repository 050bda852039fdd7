"""Code written by hand for speed: raw statements, rows split by position, fewer checks.

All other code is ordinary FastAPI and SQLAlchemy. Every module says why it exists, what was measured
(docs/speed.md, bench/speed) and when to remove it. Do not start here: write ordinary code first, measure it,
and add a fast path only with a figure that needs it.
"""
