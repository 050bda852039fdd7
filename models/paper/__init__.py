"""The LIMIT paper (Harutyunyan et al., ICML 2020): its equations, objectives, theory and label noise."""
