"""Several people at one review: who is handed which sample, second opinions, agreement, notes.

What one verdict does to a sample's review is in `app/reviews/`.
"""
