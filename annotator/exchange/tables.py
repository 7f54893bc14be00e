"""Tables of numbers as CSV, precision-recall curves and losses as PNG."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.core.errors import AnnotatorError
from annotator.core.paths import is_folder, there
from annotator.exchange.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from annotator.core.metrics import Curve

#: Okabe and Ito's colours, told apart by the colour-blind too, without yellow, which is too light
#: for a line on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: Equal lines stay visible: each is thinner than those below it, and all but one have gaps.
_STROKES = ("solid", (0, (5, 2)), (0, (2, 2)), (0, (7, 2, 2, 2)), (0, (1, 3)), (0, (3, 4)))
_WIDEST, _NARROWEST = 2.8, 1.2
#: How pictures of ours are known, in the beginning of the file.
_SOFTWARE = "Annotator, evaluation"
_PICTURE = b"Software\0" + _SOFTWARE.encode("ascii")
_HEAD = 4096


def write_csv(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The rows under the columns of the first one, as RFC 4180 CSV in UTF-8; numbers with all
    their digits, None as an empty cell. An existing table with the same first column is replaced
    as a whole. Raises AnnotatorError when there are no rows, another file is there, or the file
    cannot be written."""
    if not rows:
        raise AnnotatorError(f"There is nothing to write to {path}.")
    _require_ours(path, f"{next(iter(rows[0]))},".encode(), "table")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    with atomic_file(path) as file:
        file.write(text.getvalue().encode("utf-8"))


def draw_curves(curves: Sequence[Curve], path: Path, title: str = "") -> None:
    """Precision-recall curves (LLM2Labels, figure 2) as a PNG of 1400 x 1000 pixels, one line a
    method, its area in the legend. An existing picture of ours is replaced as a whole. Raises
    AnnotatorError when there are no curves, another file is there, or the file cannot be
    written."""
    if not curves:
        raise AnnotatorError(f"There are no curves to draw into {path}.")
    _require_ours(path, _PICTURE, "picture")
    figure = _figure()
    axes = figure.add_subplot()
    width = max(len(curve.name) for curve in curves)
    for index, curve in enumerate(curves):
        recall = [100 * value for value in (0.0, *curve.recall)]
        precision = [100 * value for value in (*curve.precision[:1], *curve.precision)]
        share = index / max(1, len(curves) - 1)
        axes.plot(
            recall[: len(precision)],
            precision,
            color=_COLOURS[index % len(_COLOURS)],
            linestyle=_STROKES[index % len(_STROKES)],
            linewidth=_WIDEST + (_NARROWEST - _WIDEST) * share,
            marker="o",  # where the labels end
            markevery=[-1] if precision else [],
            markersize=7 - 3 * share,
            clip_on=False,
            label=f"{curve.name:<{width}}  {100 * curve.area:6.2f}",
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 102)
    axes.set_xlabel("Recall at K (%)")
    axes.set_ylabel("Precision at K (%)")
    if title:
        axes.set_title(title, fontsize=11)
    axes.grid(color="#d8dce3", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        title="AUC (%)",
        alignment="right",
        prop={"family": "monospace", "size": 8.5},
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        handlelength=3,
    )
    with atomic_file(path) as file:
        figure.savefig(file, format="png", metadata={"Software": _SOFTWARE})


#: Lines of a training: column, name in the legend, colour; the sum is drawn over its parts.
_LOSSES = (
    ("distill", "text and tags (eq. 4)", _COLOURS[2]),
    ("tag", "tags (eq. 5)", _COLOURS[4]),
    ("loss", "sum", _COLOURS[0]),
    ("validation", "sum, pairs set apart", _COLOURS[1]),
)


def draw_losses(rows: Sequence[Mapping[str, Any]], path: Path, title: str = "") -> None:
    """The losses of a fine-tuning over its steps as a PNG of 1400 x 1000 pixels. ``rows``: "step"
    with any of "loss", "distill", "tag" and "validation", None for what was not looked at. An
    existing picture of ours is replaced as a whole. Raises AnnotatorError when there is nothing to
    draw, another file is there, or the file cannot be written."""
    lines = [
        (name, colour, [(row["step"], row[key]) for row in rows if row.get(key) is not None])
        for key, name, colour in _LOSSES
    ]
    if not any(points for _, _, points in lines):
        raise AnnotatorError(f"There are no losses to draw into {path}.")
    _require_ours(path, _PICTURE, "picture")
    figure = _figure()
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_subplot()
    for name, colour, points in lines:
        if not points:
            continue
        # Few points are lost without marks, many are lost behind them.
        mark = "o" if len(points) <= 50 else ""
        steps, losses = zip(*points, strict=True)
        axes.plot(steps, losses, color=colour, linewidth=1.6, marker=mark, markersize=4, label=name)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("Steps")
    axes.set_ylabel("Loss")
    if title:
        axes.set_title(title, fontsize=11)
    axes.grid(color="#d8dce3", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    with atomic_file(path) as file:
        figure.savefig(file, format="png", metadata={"Software": _SOFTWARE})


def _figure() -> Figure:
    """Paper of 1400 x 1000 pixels."""
    # 0.3 s to load, and only pictures need it; without pyplot, which keeps figures and a window.
    with warnings.catch_warnings():
        # Where its three-dimensional axes were left out, which nothing here draws.
        warnings.filterwarnings("ignore", message="Unable to import Axes3D")
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def check_place(path: Path) -> None:
    """Before long work whose table or picture goes to ``path``: raises AnnotatorError where its
    folder is not there, or a file that is no picture of ours is in the way of one."""
    if not is_folder(path.parent):
        raise AnnotatorError(f"{path.parent} is not a folder; make it first or choose another.")
    if path.suffix.lower() == ".png":
        _require_ours(path, _PICTURE, "picture")


def _require_ours(path: Path, mark: bytes, what: str) -> None:
    """Refuses to replace a file that is not empty and lacks our mark in its beginning: a project,
    the truth, a photograph."""
    if not there(path) or not path.is_file():
        return
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise AnnotatorError(f"{path} cannot be replaced ({error.strerror}).") from error
    if head and (mark not in head if what == "picture" else not head.startswith(mark)):
        raise AnnotatorError(
            f"{path} exists and is no {what} of Annotator's evaluation; choose another name."
        )
