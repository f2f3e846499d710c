"""What losses share: targets, options, reductions and the drivers."""
