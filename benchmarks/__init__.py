"""Time `losses` against its peers; ``python -m benchmarks`` runs everything."""
