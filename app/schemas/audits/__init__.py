"""An audit: its runs, estimates, results, issues, map, and the people who review it."""
