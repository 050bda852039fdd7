"""The complete service on one machine: PostgreSQL and Redis from wheels, backups, health probes."""
