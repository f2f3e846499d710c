"""Classification losses: scores and targets to losses."""
