"""What an evaluation asks of the stored proposals."""

from __future__ import annotations

from annotator.core.records import Proposed
from annotator.project import queries_evaluate, store


def said(text: str, crop: str, *tokens: float) -> store.Said:
    return store.Said(Proposed(text, tokens), crop, 0, tokens[0] if tokens else None)


def test_tokens_of_the_newest_run_that_did_an_image(made) -> None:
    one, two, three = made.images[:3]
    with made.project.write("runs", "proposals") as db:
        first = store.start_run(db, "propose")
        words = [said("lamp", "whole", 0.5, 0.25), said("rug", "top left", 0.5)]
        store.add_run_images(db, first, [(one, None, words), (two, None, words)])
        second = store.start_run(db, "propose")
        store.add_run_images(db, second, [(two, None, []), (three, "unreadable", [])])
        runs = [first, second]
        rows = list(queries_evaluate.image_tokens(db, [one, two, three], runs, ["whole"]))
        assert [(row.image_id, row.run_id, row.tokens) for row in rows] == [
            (one, first, "[0.5, 0.25]"),
            (two, second, "[]"),
        ]
        assert rows[0].probability == 0.5
        # The second run said nothing of it, and was asked last.
        assert rows[1].label_id is None
        every = queries_evaluate.image_tokens(db, [one, two], [first], ["whole", "top left"])
        assert [(row.image_id, row.crop) for row in every] == [
            (one, "whole"),
            (one, "top left"),
            (two, "whole"),
            (two, "top left"),
        ]
        assert queries_evaluate.count_images(db, [first]) == 2
        assert queries_evaluate.count_images(db, runs) == 3
        db.execute("UPDATE images SET hash = 'other' WHERE id = ?", (one,))
        assert list(queries_evaluate.image_tokens(db, [one], runs, ["whole"])) == []
