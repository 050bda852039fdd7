"""Consensus and quality of annotators, measured on simulated annotators of known confusion."""
