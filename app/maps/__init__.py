"""Maps of audits and the samples selected on them: start, cancel, follow, read; no route, no torch."""
