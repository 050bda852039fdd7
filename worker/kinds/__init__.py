"""How samples of each kind of data come from arrays and into packs: a plug-in each, behind two registries.

These run in the process that reads uploads: they know neither torch nor the database.
"""
