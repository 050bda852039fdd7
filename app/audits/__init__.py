"""What the service does with audits: plan their runs, follow them, read what they found."""
