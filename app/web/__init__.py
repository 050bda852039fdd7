"""The web pages: templates, styles, scripts, and the code that renders and serves them."""
