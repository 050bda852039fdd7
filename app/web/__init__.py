"""Templates, styles and scripts of the web pages, and how they become answers."""
