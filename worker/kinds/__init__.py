"""Plug-ins that read each kind of data from arrays and write it to packs, behind two registries.

They run in the process that reads uploads, without torch and the database.
"""
