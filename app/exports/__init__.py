"""What a person carries away: labels, cleaned datasets, tasks for other tools, a report."""
