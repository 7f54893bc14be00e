"""The ranking that SQL makes is that of core.scoring."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from annotator.core import scoring
from annotator.core.records import COMBINES, RANKINGS
from annotator.core.scoring import Scored
from annotator.project import queries_pipeline, store
from annotator.project.project import Project

CROPS = ("whole", "top left", "top right")


def fill(
    project: Project, images: int, words: int, seed: int, *, tiny: bool = False
) -> list[list[Scored[int]]]:
    """Random tags, stored and returned as scoring knows them."""
    rng = random.Random(seed)
    made: list[list[Scored[int]]] = []
    with project.write("images", "synsets", "tags") as db:
        files = [store.FileSeen(f"{i}.jpg", 1, 1) for i in range(images)]
        ids = store.upsert_images(db, files)
        keys = [store.ensure_synset(db, f"word {i}") for i in range(words)]
        for image in ids:
            of_image = []
            for key in rng.sample(keys, rng.randint(0, words)):
                looks = rng.randint(1, 5)
                occurrence = rng.randint(1, looks)
                given = rng.choice([0.0, None, *(rng.random() for _ in range(8))])
                if tiny:
                    given = rng.uniform(1e-4, 1e-2)
                kept = tiny or rng.random() < 0.8
                score = occurrence / looks * (1.0 if given is None else given)
                of_image.append(Scored(key, score, given, occurrence, looks, CROPS[:1], kept, None))
            made.append(of_image)
            store.set_tags(
                db,
                [
                    store.TagRow(
                        image, x.key, x.score, x.probability, x.occurrence, x.looks, x.seen, x.kept
                    )
                    for x in of_image
                ],
            )
    return made


def stored(project: Project, by: str, how: str) -> dict[int, tuple[float, int]]:
    """Synset -> (score, support) of those with a tag that was kept."""
    with project.write("synsets") as db:
        sums = queries_pipeline.score_synsets(db, by, how)  # type: ignore[arg-type]
        scores = dict(db.execute("SELECT id, score FROM synsets").fetchall())
    return {one.id: (scores[one.id], one.support) for one in sums if one.support}


@pytest.mark.parametrize("by", RANKINGS)
@pytest.mark.parametrize("how", COMBINES)
def test_sql_ranks_as_scoring_does(tmp_path: Path, by: str, how: str) -> None:
    (tmp_path / "photos").mkdir()
    for seed in range(4):
        with Project.create(tmp_path / f"{seed}.annot", tmp_path / "photos") as project:
            images = fill(project, 30, 12, seed)
            found = stored(project, by, how)
            ranked = scoring.rank(images, by, how)  # type: ignore[arg-type]
        assert {one.key: one.support for one in ranked} == {k: n for k, (_, n) in found.items()}
        n = sum(any(scored.kept for scored in image) for image in images)
        root = n if how == "product" and by != "occurrence" else 1
        for one in ranked:
            assert found[one.key][0] == pytest.approx(one.score ** (1 / root), abs=1e-8)
        for better, worse in pairwise(ranked):
            assert found[better.key][0] >= found[worse.key][0] - 1e-8


def test_a_product_over_many_images_does_not_underflow(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with Project.create(tmp_path / "p.annot", tmp_path / "photos") as project:
        images = fill(project, 400, 3, 1, tiny=True)
        found = stored(project, "probability", "product")
        ranked = scoring.rank(images, "probability", "product")
    assert ranked[0].score == 0.0  # too small for a float
    assert all(score > 0.0 for score, _ in found.values())
    order = sorted(found, key=lambda key: -found[key][0])
    assert order == [one.key for one in ranked]


def test_words_without_a_tag_have_no_score(project: Project) -> None:
    with project.write("synsets") as db:
        lone = store.ensure_synset(db, "lone", score=5)
        (of_lone,) = queries_pipeline.score_synsets(db)
        assert of_lone == (lone, None, 0, False, True)
        assert db.execute("SELECT score FROM synsets").fetchone() == (0.0,)
