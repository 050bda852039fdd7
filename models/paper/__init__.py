"""The LIMIT paper (ICML 2020): its equations, objectives, theory and label noise."""
