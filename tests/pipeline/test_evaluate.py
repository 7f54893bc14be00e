"""The tables of vocabulary and tags against a truth, counted by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotator.core.errors import AnnotatorError
from annotator.core.records import Proposed
from annotator.pipeline.evaluate import (
    ablation_table,
    curves,
    false_positives_table,
    format_table,
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


Words = dict[str, list[tuple[str, int, tuple[str, str], float | None]]]


def answer(project: Project, seed: int, grid: str, words: Words, **more: Any) -> int:
    """A finished run that said of each file (crop, sample, word, probability)."""
    tokens = more.pop("tokens", {})
    params = {"grid": grid, "samples": 1, "combine": "avg", "filter": "percentile"} | more
    pack = params.pop("pack", "p")
    with project.write("runs", "proposals") as db:
        run = store.start_run(db, "propose", pack=pack, params=params, seed=seed)
        for file, of_file in words.items():
            said = [
                store.Said(
                    Proposed(word, tokens.get(word, () if p is None else (p,)), wordnet_id),
                    crop,
                    sample,
                    p,
                )
                for crop, sample, (word, wordnet_id), p in of_file
            ]
            store.add_run_images(db, run, [(queries.find_image(db, file).id, None, said)])
        store.finish_run(db, run, "done")
    return run


@pytest.fixture
def photos(project: Project, photo: Callable[..., Path], finish: Callable[..., Any]) -> Project:
    """Three images that nobody has looked at."""
    for number in range(3):
        photo(f"{number}.jpg", number)
    finish(scan(project))
    return project


@pytest.fixture
def sgc(photos: Project) -> Project:
    """The images proposed over "sgc"; the cells say something else than the whole."""
    whole = [[(TABBY, 0.9), (UMBRELLA, 0.1)], [(UMBRELLA, 0.8), (BEAGLE, 0.3)], [(TABBY, 0.2)]]
    words: Words = {
        f"{number}.jpg": [
            *(("whole", 0, word, p) for word, p in said),
            ("top left", 0, UMBRELLA, 0.7),
        ]
        for number, said in enumerate(whole)
    }
    answer(photos, 0, "sgc", words)
    return photos


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
    assert [(row["Method"], row["Rank"]) for row in rows] == [
        ("BASE", "product"),
        ("BASE occ", "occurrence"),
    ]
    assert (rows[0]["Images"], rows[0]["seeds"]) == (3, 1)
    assert rows[0]["Top-1"] == pytest.approx(100 / 3)
    assert rows[0]["Top-5"] == pytest.approx(100 * 2 / 3)
    # tabby first: 1; beagle after umbrella: 1/2; the shark is never said: 0.
    assert rows[0]["mAP"] == pytest.approx(100 * (1 + 1 / 2 + 0) / 3)
    # The percentile filter keeps tabby, umbrella, and tabby.
    assert rows[0]["mAP@0.68 unmapped"] == pytest.approx(100 * (1 + 0 + 0) / 3)
    assert rows[0]["class mAP@0.68"] == pytest.approx(100 * (1 + 0 + 0) / 3)
    # By score: tabby 0.9 yes, umbrella 0.8 no, beagle 0.3 yes, tabby 0.2 no, umbrella 0.1 no; of
    # 3 to be found. Points (1/3, 1), (1/3, 1/2), (2/3, 2/3), (2/3, 2/4), (2/3, 2/5).
    unmapped = 1 / 3 * (1 + 1) / 2 + 1 / 3 * (1 / 2 + 2 / 3) / 2
    assert rows[0]["AUC unmapped"] == pytest.approx(100 * unmapped)
    # Umbrella names no class: 0.9 yes, 0.3 yes, 0.2 no. Points (1/3, 1), (2/3, 1), (2/3, 2/3).
    assert rows[0]["AUC mapped"] == pytest.approx(100 * 2 / 3)
    assert rows[0]["mAP@0.68 mapped"] == pytest.approx(100 * (1 + 0 + 0) / 3)
    # By occurrence all labels are equal and all are kept: tabby one of two, beagle one of two.
    assert rows[1]["mAP@0.68 unmapped"] == pytest.approx(100 * (1 / 2 + 1 / 2 + 0) / 3)
    assert rows[1]["mAP@0.68 mapped"] == pytest.approx(100 * (1 + 1 + 0) / 3)


def test_an_image_of_which_nothing_was_said_counts(photos: Project, truth: Path) -> None:
    answer(photos, 0, "none", {"0.jpg": [("whole", 0, TABBY, 0.9)], "1.jpg": [], "2.jpg": []})
    row = tags_table(photos, truth)[0]
    assert (row["Images"], row["mAP"]) == (3, pytest.approx(100 / 3))


def test_a_second_name_of_a_class_on_an_image_is_neither_hit_nor_miss(
    photos: Project, tmp_path: Path
) -> None:
    path, seen = tmp_path / "classes.txt", tmp_path / "seen.csv"
    path.write_text("1:sofa,couch\n2:dog\n")
    seen.write_text("file,name\n0.jpg,couch\n0.jpg,dog\n0.jpg,airship\n")
    words = [("couch", 0.9), ("sofas", 0.8), ("lamp", 0.7), ("dog", 0.6)]
    said = [("whole", 0, (word, None), p) for word, p in words]
    answer(photos, 0, "none", {"0.jpg": said})
    row = tags_table(photos, path, seen=seen)[0]
    # couch (hit), lamp (miss), dog (hit).
    assert row["mAP"] == pytest.approx(100 * (1 / 2 * 1 + 1 / 2 * 2 / 3))
    (row,) = vocabulary_table(photos, path, ["none"], ["none"], k=4)
    assert (row["#L"], row["FP"], row["R"]) == (4, 1, 100.0)
    assert row["P"] == pytest.approx(100 * 2 / 3)


def test_the_ablation_has_the_rows_of_the_paper(sgc: Project, truth: Path) -> None:
    rows = {row["Method"]: row for row in ablation_table(sgc, truth)}
    assert list(rows) == [
        *("BASE", "SG", "SGC", "TH", "NONE", "BOTH"),
        *("BASE avg", "BASE product", "BASE min", "BASE max", "BASE occ", "BASE prob"),
    ]
    by_hand = {(row["Grid"], row["Filter"]): row for row in vocabulary_table(sgc, truth)}
    for name, which in {
        "BASE": ("none", "percentile"),
        "SG": ("sg", "percentile"),
        "SGC": ("sgc", "percentile"),
        "TH": ("none", "fixed"),
        "NONE": ("none", "none"),
        "BOTH": ("none", "both"),
    }.items():
        assert rows[name] == by_hand[which] | {"Combine": "avg", "Rank": "product"}
    # Kept on the three images: tabby 0.9, umbrella 0.8, tabby 0.2. By the lowest probability the
    # umbrella (1 x 0.8) is before tabby (2 x 0.2), by the product too (2 x 0.18).
    assert rows["BASE"]["AUC"] == pytest.approx(100 / 3)
    half = pytest.approx(100 * 1 / 3 * (0 + 1 / 2) / 2)
    assert (rows["BASE min"]["AUC"], rows["BASE product"]["AUC"]) == (half, half)
    assert rows["BASE max"]["AUC"] == pytest.approx(100 / 3)


def test_tokens_are_combined_as_asked_whatever_the_run_did(photos: Project, truth: Path) -> None:
    # By the average of its tokens tabby is before beagle (0.55 and 0.5), by the least behind it.
    tokens = {"tabby": (1.0, 0.1), "beagle": (0.5, 0.5)}
    said = {"0.jpg": [("whole", 0, TABBY, 0.1), ("whole", 0, BEAGLE, 0.5)]}
    answer(photos, 0, "none", said, tokens=tokens, combine="min")
    at = {
        how: vocabulary_table(photos, truth, combine=how, filters=["fixed"], threshold=0.52)[0]
        for how in ("avg", "min", "max", "product")
    }
    assert {how: row["#L"] for how, row in at.items()} == {
        "avg": 1,  # 0.55 of tabby
        "min": 0,  # 0.1 and 0.5
        "max": 1,  # 1.0 of tabby
        "product": 0,  # 0.1 and 0.25
    }


def test_false_positives_by_product_and_by_occurrence(sgc: Project, truth: Path) -> None:
    rows = false_positives_table(sgc, truth, ["none"])
    # Kept by product: tabby, umbrella. By occurrence all are equal, so that beagle stays too.
    assert rows == [
        {"Method": "BASE", "Grid": "none", "Rank": "product", "FP": 1, "#L": 2}
        | {"K": 5000, "seeds": 1},
        {"Method": "BASE occ", "Grid": "none", "Rank": "occurrence", "FP": 1, "#L": 3}
        | {"K": 5000, "seeds": 1},
    ]
    assert false_positives_table(sgc, truth, ["none"], k=1)[0]["FP"] == 0


def test_seeds_give_means_and_deviations(photos: Project, truth: Path) -> None:
    said: list[Words] = [
        {"0.jpg": [("whole", 0, TABBY, 0.9)]},
        {"0.jpg": [("whole", 0, TABBY, 0.9), ("whole", 0, BEAGLE, 0.8)]},
        {"0.jpg": [("whole", 0, UMBRELLA, 0.9), ("whole", 0, BEAGLE, 0.8)]},
    ]
    for seed, words in enumerate(said):
        answer(photos, seed, "none", words)
    answer(photos, 8, "none", {}, pack="p")  # stopped before it had looked at anything
    answer(photos, 7, "none", said[0], pack="p", temperature=1.0)
    answer(photos, 9, "none", said[0], pack="p")  # asks as the first ones did
    answer(photos, 7, "none", said[0], pack="other")
    (row,) = vocabulary_table(photos, truth, ["none"], ["none"], k=1, pack="p")
    # R at K = 1: 1/3, 1/3, 0, 1/3; mean 1/4, deviations 1/12, 1/12, 3/12, 1/12.
    assert row["seeds"] == 4
    assert row["R"] == pytest.approx(25.0)
    assert row["R std"] == pytest.approx(100 * ((1 + 1 + 9 + 1) / 144 / 3) ** 0.5)
    assert (row["#L"], row["FP"]) == (2, 0)  # 6/4 and 1/4, rounded
    assert "25.00 ± 16.67" in format_table([row])
    tags = tags_table(photos, truth, pack="p")[0]
    assert (tags["Images"], "Images std" in tags) == (1, False)
    assert tags["Top-1"] == pytest.approx(75.0)
    (other,) = vocabulary_table(photos, truth, ["none"], ["none"])
    assert (other["seeds"], "R std" in other) == (1, False)
    with pytest.raises(AnnotatorError, match="pack q, only of other, p"):
        vocabulary_table(photos, truth, pack="q")


def test_the_pack_that_was_asked_for_last_is_evaluated(photos: Project, truth: Path) -> None:
    answer(photos, 0, "none", {"0.jpg": [("whole", 0, TABBY, 0.9)]}, pack="first")
    answer(photos, 0, "none", {"0.jpg": [("whole", 0, UMBRELLA, 0.9)]}, pack="second")
    assert vocabulary_table(photos, truth, filters=["none"])[0]["R"] == 0.0
    assert vocabulary_table(photos, truth, filters=["none"], pack="first")[0]["R"] > 0.0
    # It had done everything before and so has nothing to do, but is what a person wants to see.
    answer(photos, 0, "none", {}, pack="first")
    assert vocabulary_table(photos, truth, filters=["none"])[0]["R"] > 0.0


def test_rows_of_other_defaults_are_named_once(sgc: Project, truth: Path) -> None:
    names = [row["Method"] for row in ablation_table(sgc, truth, combine="max", rank="occurrence")]
    assert names == [
        *(f"{name} max occ" for name in ("BASE", "SG", "SGC", "TH", "NONE", "BOTH")),
        *("BASE avg occ", "BASE product occ", "BASE min occ", "BASE max prob"),
    ]


def test_a_model_that_talks_needs_a_run_for_each_grid(photos: Project, truth: Path) -> None:
    said: Words = {"0.jpg": [("whole", 0, TABBY, 0.9)]}
    answer(photos, 0, "sgc", said, strategy="list")
    assert [row["Method"] for row in ablation_table(photos, truth)] == ["SGC"]
    with pytest.raises(AnnotatorError, match="grid none are stored"):
        vocabulary_table(photos, truth, ["none"])


def test_a_sample_that_could_not_be_read_was_a_look_all_the_same(
    photos: Project, truth: Path
) -> None:
    # The beagle is said in all 4 samples of one image, tabby in 1 of 4 of each of the other two.
    words: Words = {
        "0.jpg": [("whole", 0, TABBY, None)],
        "1.jpg": [("whole", sample, BEAGLE, None) for sample in range(4)],
        "2.jpg": [("whole", 0, TABBY, None)],
    }
    answer(photos, 0, "none", words, samples=4, strategy="list")
    # beagle 4/4 yes; tabby 1/4 yes on one image and no on the other: (1/3, 1), (2/3, 2/3).
    area = 1 / 3 * 1 + 1 / 3 * (1 + 2 / 3) / 2
    for row in tags_table(photos, truth):
        assert row["AUC unmapped"] == pytest.approx(100 * area)


def test_precision_over_the_labels_there_are(sgc: Project, truth: Path) -> None:
    (of_k,) = vocabulary_table(sgc, truth, ["none"], ["fixed"])
    (of_labels,) = vocabulary_table(sgc, truth, ["none"], ["fixed"], over="labels")
    # tabby and umbrella, at K = 3.
    assert (of_k["P"], of_labels["P"]) == (pytest.approx(100 / 3), 50.0)


def test_classes_that_no_image_shows_are_counted_apart(sgc: Project, tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(
        "file,wnid\n0.jpg,n02123045\n1.jpg,n02088364\n,n04507155\nelsewhere.jpg,n01484850\n"
    )
    (row,) = vocabulary_table(sgc, path, ["none"], ["none"], k=2)
    # tabby, umbrella, beagle against tabby, beagle, umbrella, shark; then tabby and beagle alone.
    assert (row["P"], row["R"]) == (100.0, 50.0)
    assert (row["P seen"], row["R seen"], row["Unseen"]) == (50.0, 50.0, 50.0)
    assert row["AUC seen"] == pytest.approx(100 * (1 / 2 * 1 + 1 / 2 * (1 / 2 + 2 / 3) / 2))
    assert row["FP"] == 0


def test_curves_are_those_of_the_paper(sgc: Project, truth: Path, photos: Project) -> None:
    found = {curve.name: curve for curve in curves(sgc, truth)}
    assert list(found) == ["BASE", "SG", "SGC", "TH", "NONE", "BOTH"]
    # tabby (hit), umbrella (miss), beagle (hit).
    assert found["NONE"].recall == pytest.approx((1 / 3, 1 / 3, 2 / 3))
    assert found["NONE"].precision == pytest.approx((1, 1 / 2, 2 / 3))
    areas = {row["Method"]: row["AUC"] for row in ablation_table(sgc, truth)}
    for name, curve in found.items():
        assert 100 * curve.area == pytest.approx(areas[name])


def test_a_curve_of_several_seeds_is_their_mean(photos: Project, truth: Path) -> None:
    answer(photos, 0, "none", {"0.jpg": [("whole", 0, TABBY, 0.9)]})
    answer(photos, 1, "none", {"0.jpg": [("whole", 0, UMBRELLA, 0.9), ("whole", 0, BEAGLE, 0.8)]})
    curve = next(curve for curve in curves(photos, truth) if curve.name == "NONE")
    assert curve.recall == pytest.approx(((1 / 3 + 0) / 2, (1 / 3 + 1 / 3) / 2))
    assert curve.precision == pytest.approx(((1 + 0) / 2, (1 + 1 / 2) / 2))


def test_a_grid_that_is_not_stored_is_named(
    project: Project, truth: Path, photo: Callable[..., Path], finish: Callable[..., Any]
) -> None:
    with pytest.raises(AnnotatorError, match="no proposals to evaluate"):
        vocabulary_table(project, truth)
    photo("0.jpg")
    finish(scan(project))
    answer(project, 1, "none", {"0.jpg": [("whole", 0, TABBY, 0.9)]})
    with pytest.raises(AnnotatorError, match="grid sg are stored"):
        vocabulary_table(project, truth, ["sg"])


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
    spread = [
        {"Method": "BASE", "P": 54.02, "P std": 0.314, "#L": 7},
        {"Method": "SG", "P": 5.0, "P std": None, "#L": None},
    ]
    assert format_table(spread) == (
        "Method             P  #L\nBASE    54.02 ± 0.31   7\nSG              5.00   -"
    )
