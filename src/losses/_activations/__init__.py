"""Activations: functions of one array, and the exponentials that cross entropy shares."""
