"""The plug-ins of the data kinds for training and for the search for data issues, behind two protocols.

`trained_kinds` places samples on a device and prepares them for a network; `compared_kinds` compares the
stored samples without torch. Callers look up a kind in a registry once and call its methods: no other code
branches on a kind's name or on an array's dimensions.
"""
