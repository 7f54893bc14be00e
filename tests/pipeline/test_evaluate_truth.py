"""Which true class a label names, and what cannot be read as a truth."""

from pathlib import Path

import pytest

from annotator.core.errors import AnnotatorError
from annotator.pipeline.evaluate_truth import read_truth

TABBY, CRANE_BIRD, CRANE_MACHINE, SOFA = "n02123045", "n02012849", "n03126707", "n04256520"


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """A class list with synonyms, as data/vocabularies has them."""
    path = tmp_path / "classes.txt"
    path.write_text("0:invalid_class_id\n1:sofa,couch,lounge\n2:crane\n3:Traffic Lights\n")
    return path


def test_a_class_list_is_named_by_any_of_its_words(classes: Path) -> None:
    truth = read_truth(classes)
    assert len(truth.classes) == 3
    for label in ("sofa", "couch", "lounge", SOFA):
        assert truth.named_by(label) == {0}
    assert truth.named_by("traffic light") == {2}
    assert truth.named_by(CRANE_BIRD) == truth.named_by(CRANE_MACHINE) == {1}
    assert truth.named_by("bench") == frozenset()
    assert truth.as_named([SOFA, "bench", "couch"]) == [{SOFA, "couch"}, set(), set()]
    assert truth.as_named([SOFA, "couch"], of=[1]) == [set()]


def test_a_meaning_in_brackets_is_not_part_of_the_name(tmp_path: Path) -> None:
    path = tmp_path / "lvis.txt"
    path.write_text("1:bat (animal)\n2:baseball bat,bat (sports)\n3:(odd)\n")
    truth = read_truth(path)
    assert truth.named_by("bat") == {0, 1}
    assert truth.named_by("baseball bat") == {1}
    assert truth.named_by("odd") == {2}


def test_an_id_names_its_own_class_and_a_word_all_that_have_it(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(f"file,wnid,name\na.jpg,{CRANE_BIRD},\nb.jpg,{CRANE_MACHINE},hoist\n")
    truth = read_truth(path)
    assert truth.named_by(CRANE_BIRD) == {0}
    assert truth.named_by(CRANE_MACHINE) == {1}
    assert truth.named_by("crane") == {0, 1}
    assert truth.named_by("hoist") == {1}
    assert truth.named_by(TABBY) == frozenset()
    assert truth.shown_on("deep/below/b.jpg") == {1}
    assert truth.shown_on("c.jpg") == frozenset()


def test_a_class_of_words_in_a_table_is_named_by_ids_too(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("file,name\na.jpg,Couches\nb.jpg,couch\n")
    truth = read_truth(path)
    assert len(truth.classes) == 1
    assert truth.named_by(SOFA) == {0}


def test_files_say_what_a_class_list_does_not(classes: Path, tmp_path: Path) -> None:
    files = tmp_path / "files.csv"
    files.write_text(f"file,wnid,name\na.jpg,{SOFA},\na.jpg,,crane\nb.jpg,,airship\n")
    truth = read_truth(classes, files)
    assert len(truth.classes) == 3
    assert truth.shown_on("a.jpg") == {0, 1}
    assert truth.shown_on("b.jpg") == frozenset()
    files.write_text("name\nsofa\n")
    with pytest.raises(AnnotatorError, match="says nothing of files"):
        read_truth(classes, files)
    files.write_text("file,name\na.jpg,airship\n")
    with pytest.raises(AnnotatorError, match="names none of the classes"):
        read_truth(classes, files)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.csv", "file,wnid\n", "names no classes"),
        ("t.csv", "file,colour\na.jpg,red\n", "first line with the columns wnid or name"),
        ("t.csv", "file;wnid\na.jpg;n02123045\n", "first line with the columns wnid or name"),
        ("t.csv", "file,name\na.jpg,red\nb.jpg\n", "every row: line 3 has none"),
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
