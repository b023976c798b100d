"""The benchmarks at a small size: they fill a database, print their tables, and judge by the targets."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from devstack import bench
from devstack.bench_search import Report
from devstack.cli import app
from devstack.ports import free_ports


def test_the_bench_fills_measures_and_judges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of call has its row, and the exit code tells that a target is missed."""
    monkeypatch.setattr(bench, "TARGET_MS", 0.001)
    (port,) = free_ports(1)
    sizes = ["--complaints", "300", "--articles", "20", "--requests", "20"]
    found = CliRunner().invoke(app, ["bench", *sizes, "--data", str(tmp_path), "--port", str(port)])
    for name in ("list, the newest", "search, rare words", "suggestions", "duplicates", "deadlines, counted", "create"):
        assert name in found.output
    assert "p95 is over 0.001 ms" in found.output
    assert 1 == found.exit_code


def test_a_search_figure_stands_beside_its_target() -> None:
    """What is aimed at is printed, what misses it is counted, and what has no target is not judged."""
    report = Report()
    report.add("iapp", 7, "as asked", {"R@1": 0.92, "R@5": 0.9744, "MRR": 0.95, "ms p50": 99.0, "ms p95": 10.4})
    report.add("iapp", 7, "in another way", {"ms p50": 4.0})
    assert 2 == report.missed
    assert ["[bold]0.974 (≥ 0.975)[/]", "–"] == list(report.table.columns[3].cells)
    assert ["[bold]10.4 (≤ 10)[/]", "–"] == list(report.table.columns[6].cells)
