"""The tables of vocabulary and tags against a truth, counted by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotator.core.errors import AnnotatorError
from annotator.core.records import Proposed
from annotator.pipeline.evaluate import (
    format_table,
    read_truth,
    tags_table,
    vocabulary_table,
)
from annotator.pipeline.scan import scan
from annotator.project import queries, store
from annotator.project.project import Project

TABBY, BEAGLE = ("tabby", "n02123045"), ("beagle", "n02088364")
UMBRELLA = ("umbrella", "n04507155")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.csv"
    path.write_text(
        "file,wnid,name\n0.jpg,n02123045,tabby\n1.jpg,n02088364,beagle\n2.jpg,n01484850,shark\n"
    )
    return path


@pytest.fixture
def sgc(project: Project, photo: Callable[..., Path], finish: Callable[..., Any]) -> Project:
    """Three images, proposed over "sgc"; the cells say something else than the whole."""
    for number in range(3):
        photo(f"{number}.jpg", number)
    finish(scan(project))
    whole = [[(TABBY, 0.9), (UMBRELLA, 0.1)], [(UMBRELLA, 0.8), (BEAGLE, 0.3)], [(TABBY, 0.2)]]
    with project.read() as db:
        ids = queries.image_ids(db)
    with project.write("runs", "proposals") as db:
        run = store.start_run(db, "propose", pack="p", params={"grid": "sgc", "samples": 1})
        for image, words in zip(ids, whole, strict=True):
            said = [_said(word, "whole", p) for word, p in words]
            said.append(_said(UMBRELLA, "top left", 0.7))
            store.add_run_images(db, run, [(image, None, said)])
        store.finish_run(db, run, "done")
    return project


def _said(word: tuple[str, str], crop: str, p: float) -> store.Said:
    return store.Said(Proposed(word[0], (p,), word[1]), crop, 0, p)


def test_rows_are_those_of_the_paper_for_every_grid_and_filter(sgc: Project, truth: Path) -> None:
    rows = vocabulary_table(sgc, truth)
    assert [(row["Grid"], row["Filter"]) for row in rows] == [
        (grid, filter)
        for grid in ("none", "sg", "sgc")
        for filter in ("none", "percentile", "fixed", "both")
    ]
    plain = rows[0]
    # Ranked: tabby 1.1, umbrella 0.9, beagle 0.3; shark is never said.
    assert plain["P"] == pytest.approx(100 * 2 / 3)
    assert plain["R"] == pytest.approx(100 * 2 / 3)
    assert (plain["#L"], plain["K"]) == (3, 3)
    assert plain["AUC"] == pytest.approx(100 * (1 / 3 + (1 / 2 + 2 / 3) / 2 / 3))
    by = {(row["Grid"], row["Filter"]): row for row in rows}
    assert by["none", "fixed"]["#L"] == 2  # tabby 0.9 and umbrella 0.8
    assert (by["sg", "none"]["#L"], by["sg", "none"]["R"]) == (1, 0.0)
    assert by["sgc", "none"]["#L"] == 3


def test_k_is_the_number_of_places_that_count(sgc: Project, truth: Path) -> None:
    (row,) = vocabulary_table(sgc, truth, ["none"], ["none"], k=1)
    assert (row["P"], row["K"]) == (100.0, 1)
    assert row["R"] == pytest.approx(100 / 3)


def test_a_class_list_matches_by_any_synonym_once(sgc: Project, tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("0:invalid_class_id\n1:Tabbies,tabby cat\n2:hound\n")
    (row,) = vocabulary_table(sgc, path, ["none"], ["none"])
    assert (row["P"], row["R"], row["K"]) == (50.0, 50.0, 2)


def test_tags_count_the_images_that_the_truth_names(sgc: Project, truth: Path) -> None:
    rows = tags_table(sgc, truth, ["none"])
    assert rows[0]["Images"] == 3
    assert rows[0]["Top-1"] == pytest.approx(100 / 3)
    assert rows[0]["Top-5"] == pytest.approx(100 * 2 / 3)
    # 1, then 1/2, then 1/2: the shark comes after the one label that was said.
    assert rows[0]["mAP"] == pytest.approx(100 * (1 + 0.5 + 0.5) / 3)


def test_a_grid_that_is_not_stored_is_named(
    project: Project, truth: Path, tmp_path: Path, photo: Callable[..., Path]
) -> None:
    with pytest.raises(AnnotatorError, match="no proposals to evaluate"):
        vocabulary_table(project, truth)
    with pytest.raises(AnnotatorError, match="grid sg are stored"):
        vocabulary_table(project, truth, ["sg"])


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.csv", "file,wnid\n", "names no classes"),
        ("t.csv", "file,colour\na.jpg,red\n", "wnid or a name in every row"),
        ("t.txt", "", "names no classes"),
        ("t.txt", "just words\n", "not a list of classes: line 1"),
        ("gone.txt", None, "cannot be read"),
    ],
)
def test_a_wrong_truth_is_one_sentence(
    tmp_path: Path, name: str, text: str | None, says: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(AnnotatorError, match=says):
        read_truth(path)


def test_tags_need_files(sgc: Project, tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("1:tabby\n")
    with pytest.raises(AnnotatorError, match="says nothing of files"):
        tags_table(sgc, path)
    path = tmp_path / "other.csv"
    path.write_text("file,wnid\nother.jpg,n02123045\n")
    with pytest.raises(AnnotatorError, match="No file"):
        tags_table(sgc, path)


def test_the_printed_table_is_aligned() -> None:
    rows = [{"Grid": "none", "P": 8.0, "#L": 12}, {"Grid": "sg", "P": 88.25, "#L": 5}]
    assert format_table(rows) == "Grid      P  #L\nnone   8.00  12\nsg    88.25   5"
    assert format_table([]) == ""
