"""What training and the search for data issues do with a kind of data: a plug-in each, behind two protocols.

`trained_kinds` places samples on a device and prepares them for a network; `compared_kinds` compares them
as they are stored, without torch. Callers ask a registry once and call methods: nothing elsewhere asks for a
kind by its name or tells it by an array's dimensions.
"""
