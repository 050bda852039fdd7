"""What stands around every request: limits, time-outs, logs, metrics. Nothing here knows a route."""
