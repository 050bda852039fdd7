"""The complete service on one machine: PostgreSQL and Valkey from wheels, backups, health probes."""
