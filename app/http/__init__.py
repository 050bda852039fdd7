"""HTTP around the routes: limits, timeouts, logs, metrics, outbound requests. Nothing here knows a route."""
