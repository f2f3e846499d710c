"""Where the repository can be read: the site links to the place that its clone is from."""

import re
import subprocess
from pathlib import Path


def web_address(remote: str) -> str | None:
    """Return the page of a remote repository, or None if it is not one of the web."""
    found = re.fullmatch(
        r"(?:https://|ssh://|git://)?(?:[^@/]+@)?([\w.-]+\.\w+)(?::\d+)?[/:](.+?)(?:\.git)?/?",
        remote.strip(),
    )
    return f"https://{found[1]}/{found[2]}" if found else None


def address(root: Path) -> str | None:
    """Return the page of the repository that a clone is from, or None if there is none."""
    command = ["git", "-C", str(root), "config", "--get", "remote.origin.url"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return web_address(done.stdout)
