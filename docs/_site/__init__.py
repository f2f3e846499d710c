"""What the site has beyond Sphinx: API pages, plots, links, and formulas without a network."""
