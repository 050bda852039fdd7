"""Building of a version from its parent's pack, tables and features: nothing is read or encoded again."""
