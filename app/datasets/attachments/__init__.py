"""Reading of attached tables, in a process of its own: nothing here needs the database."""
