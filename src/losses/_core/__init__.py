"""Arrays, checks and the schedule: what every loss stands on."""
