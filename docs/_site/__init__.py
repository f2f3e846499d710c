"""What the site has beyond Sphinx: API pages, plots, the gallery, and formulas without a network."""
