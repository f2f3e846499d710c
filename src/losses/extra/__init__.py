"""Doors to other libraries: each module needs the extra of its name; nothing inside needs any."""
