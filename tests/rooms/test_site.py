"""What the site has beyond Sphinx: its link to the repository, its tables and its plots."""

import subprocess
from pathlib import Path
from unittest.mock import Mock

import pytest
from docs._site import repository, tables

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "remote",
    [
        "https://example.org/team/losses.git",
        "https://example.org/team/losses/",
        "https://name:token@example.org/team/losses.git",
        "git@example.org:team/losses.git",
        "ssh://git@example.org:22/team/losses.git\n",
    ],
)
def test_a_remote_of_the_web_has_a_page_without_the_readers_name(remote):
    assert repository.web_address(remote) == "https://example.org/team/losses"


@pytest.mark.parametrize(
    "remote", ["", "../losses", "file:///srv/losses", "/srv/losses.git", "C:\\x"]
)
def test_a_remote_on_a_disk_has_no_page(remote):
    assert repository.web_address(remote) is None


def test_the_address_is_that_of_the_origin(monkeypatch):
    done = subprocess.CompletedProcess([], 0, stdout="https://example.org/team/losses.git\n")
    monkeypatch.setattr(subprocess, "run", Mock(return_value=done))
    assert repository.address(ROOT) == "https://example.org/team/losses"


@pytest.mark.parametrize(
    "lacks", [FileNotFoundError("git"), subprocess.CalledProcessError(1, "git")], ids=repr
)
def test_without_git_or_an_origin_there_is_no_address(monkeypatch, lacks):
    monkeypatch.setattr(subprocess, "run", Mock(side_effect=lacks))
    assert repository.address(ROOT) is None


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("4096 \N{MULTIPLICATION SIGN} 512", "4096_\N{MULTIPLICATION SIGN}_512"),
        ("4.55 s (1.36)", "4.55_s_(1.36)"),
        ("lost (9e4)", "lost_(9e4)"),
        ("33 ulp", "33_ulp"),
        ("32, standard deviation 10", "32, standard deviation_10"),
        ("no number here (or there)", "no number here (or there)"),
    ],
)
def test_the_numbers_of_a_cell_stay_together_and_its_words_may_part(cell, kept):
    assert tables.keep_together(cell) == kept.replace("_", "\N{NO-BREAK SPACE}")


def test_a_curve_that_reaches_0_on_a_logarithmic_scale_says_so(tmp_path):
    pytest.importorskip("matplotlib")
    from docs._site import plots

    for panel in plots.PANELS["cross_entropy"][""]:
        plots.picture(panel, panel.curves(), "light", tmp_path / "plot.svg")
        words = (tmp_path / "plot.svg").read_text(encoding="utf-8")
        assert words.count("<!-- 0 from here -->") == panel.log
