"""Answers about annotators; beside `app.schemas`, whose folder is full."""
