"""What is inside a built folder is told with its licence; what has none, or the GPL, is refused."""

from __future__ import annotations

import sys
import tomllib
from email.message import Message
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))
import bundle_contents
import licences
from bundle_contents import Contents

MIT = "Permission is hereby granted, free of charge, to any person ..."
KNOWN: dict[str, Any] = {
    "distribution": {},
    "library": [
        {"name": "zlib", "files": ["libz"], "licence": "Zlib", "home": "https://zlib.net"},
        {"name": "Readline", "files": ["libread*"], "licence": "GPL-3.0-or-later"},
    ],
    "data": [{"name": "Words", "files": ["_internal/annotator/words/*.txt"], "licence": "CC0-1.0"}],
}


def installed(site: Path, name: str, metadata: str, files: dict[str, str]) -> None:
    """A distribution as pip leaves it."""
    info = f"{name.replace('-', '_')}-1.2.dist-info"
    head = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.2\n"
    files = {**files, f"{info}/METADATA": head + metadata}
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    (site / info / "RECORD").write_text(record)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site-packages"
    licence = {"good_one-1.2.dist-info/licenses/LICENSE": MIT}
    names = ("__init__.py", "part.py", "fast.so")
    code = {f"good/{name}": "" for name in names} | {"good.libs/libz-0123abcd.so.1": ""}
    metadata = "License-Expression: MIT\nProject-URL: Homepage, https://good.one\n"
    installed(folder, "good-one", f"{metadata}License-File: LICENSE\n", {**licence, **code})
    installed(folder, "silent", "", {"silent.py": "", "silent.dat": ""})
    return folder


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "annotator"
    for path in ("annotator", "packs/README.txt", "_internal/annotator/_data/models/starter.toml",
                 "_internal/base_library.zip", "_internal/good/fast.so",
                 "_internal/good.libs/libz-0123abcd.so.1"):  # fmt: skip
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("")
    (folder / "_internal" / "libz.so").symlink_to("good.libs/libz-0123abcd.so.1")
    modules = [("good", True), ("good.part", False), ("annotator.cli", False), ("json", True)]
    monkeypatch.setattr(bundle_contents, "frozen_modules", lambda folder: modules)
    return folder


def told(bundle: Path, site: Path) -> tuple[dict[str, licences.Part], list[str]]:
    parts, wrong = licences.collect(bundle_contents.read(bundle, site), bundle, KNOWN)
    return {part.name: part for part in licences.merged(parts)}, wrong


def test_everything_inside_is_told_once(bundle: Path, site: Path) -> None:
    (bundle / "_internal/annotator/words").mkdir()
    (bundle / "_internal/annotator/words/nouns.txt").write_text("")
    parts, wrong = told(bundle, site)
    # Only the distribution that has files or modules inside: silent is installed, not inside.
    assert list(parts) == ["good-one", "Words", "zlib"]
    assert wrong == []
    good = parts["good-one"]
    assert (good.version, good.licence, good.home) == ("1.2", "MIT", "https://good.one")
    assert good.texts == [("licenses/LICENSE", MIT)]
    assert good.holds == "2 files and 2 modules"
    assert parts["zlib"].holds == "libz-0123abcd.so.1 (of good-one)"


def test_a_file_of_nobody_is_named(bundle: Path, site: Path) -> None:
    (bundle / "_internal" / "stray.bin").write_text("")
    _, wrong = told(bundle, site)
    assert wrong == ["_internal/stray.bin is inside and nobody knows where it is from."]


def test_a_distribution_without_a_licence_is_named(bundle: Path, site: Path) -> None:
    (bundle / "_internal" / "silent.dat").write_text("")
    _, wrong = told(bundle, site)
    assert wrong == [
        "silent 1.2 is inside without a licence expression: add it to "
        "packaging/licences/known.toml."
    ]


def test_a_licence_without_its_text_is_named(bundle: Path, site: Path) -> None:
    installed(site, "silent", "License: MIT\n", {"silent.dat": ""})
    (bundle / "_internal" / "silent.dat").write_text("")
    _, wrong = told(bundle, site)
    assert wrong == [
        "silent 1.2 is inside without a licence text: add it to packaging/licences/known.toml."
    ]


def test_an_unknown_library_is_named(bundle: Path, site: Path) -> None:
    (bundle / "_internal" / "libodd-2.so.3.1").write_text("")
    _, wrong = told(bundle, site)
    assert wrong == [
        "The library _internal/libodd-2.so.3.1 is inside and nothing is known of its licence: "
        "add libodd-2 to packaging/licences/known.toml."
    ]


def test_a_module_of_nobody_is_named(
    bundle: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules = [("stray.thing", False), ("_sysconfigdata__linux_", False), ("pyi_rth_x", False)]
    monkeypatch.setattr(bundle_contents, "frozen_modules", lambda folder: modules)
    _, wrong = told(bundle, site)
    assert wrong == ["module stray.thing is inside and nobody knows where it is from."]


def test_the_gpl_is_refused_and_nothing_is_written(bundle: Path, site: Path) -> None:
    (bundle / "_internal" / "libreadline.so.8").write_text("")
    with pytest.raises(licences.Refused, match=r"^GNU Readline \(GPL-3.0-or-later\) may only be"):
        licences.write(bundle, site)
    assert not (bundle / "LICENCES").exists()


def test_the_notices_are_written(bundle: Path, site: Path) -> None:
    parts = licences.write(bundle, site)
    text = (bundle / "LICENCES" / "THIRD-PARTY.txt").read_text(encoding="utf-8")
    for part in parts:
        assert f"{part.name} {part.version}".rstrip() in text
    assert text.count(MIT) == 1
    assert "Apache License" in (bundle / "LICENCES" / "LICENCE.txt").read_text(encoding="utf-8")
    bootloader = next(part for part in parts if part.name == "pyinstaller")
    assert bootloader.licence == "GPL-2.0-or-later WITH Bootloader-exception"
    # Again: what it wrote is its own, and changes nothing.
    licences.write(bundle, site)
    assert (bundle / "LICENCES" / "THIRD-PARTY.txt").read_text(encoding="utf-8") == text


def test_a_text_of_several_is_printed_once() -> None:
    parts = [licences.Part(name, "1", "MIT", "", "", [("LICENSE", MIT)]) for name in "abc"]
    text = licences.document(parts)
    assert text.count(MIT) == 1
    assert text.count("    texts    1\n") == 3


@pytest.mark.parametrize(
    ("expression", "may"),
    [
        ("MIT", True),
        ("LGPL-3.0-or-later", True),
        ("GPL-2.0-or-later", False),
        ("AGPL-3.0-only", False),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", True),
        ("LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only", True),
        ("MIT AND GPL-2.0-only", False),
        ("MIT AND (GPL-2.0-only OR BSD-3-Clause)", True),
        ("(MIT OR Apache-2.0) AND GPL-2.0-only", False),
        ("GPL-2.0-only OR MIT AND AGPL-3.0-only", False),
    ],
)
def test_what_may_be_passed_on(expression: str, may: bool) -> None:
    assert licences.permitted(expression) is may


@pytest.mark.parametrize("expression", ["", "MIT AND", "MIT BSD", "(MIT", "OR MIT", "MIT)"])
def test_no_expression_is_an_error(expression: str) -> None:
    with pytest.raises(ValueError, match="is no licence expression"):
        licences.permitted(expression)


@pytest.mark.parametrize(
    ("lines", "expression"),
    [
        ({"License-Expression": "0BSD", "License": "MIT"}, "0BSD"),
        ({"License": "Apache 2.0 License"}, "Apache-2.0"),
        ({"License": "MPL-2.0 AND MIT"}, "MPL-2.0 AND MIT"),
        ({"License": "Copyright\nall of it", "Classifier": "License :: OSI :: MIT License"}, "MIT"),
        ({"License": "BSD", "Classifier": "License :: OSI Approved :: BSD License"}, ""),
        ({"License": "do as you like AND be kind"}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_what_metadata_says(lines: dict[str, str], expression: str) -> None:
    metadata = Message()
    for name, value in lines.items():
        metadata[name] = value
    assert licences.said(metadata) == expression


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("libpng16-1d1ba958.so.16.58.0", "libpng16"),
        ("a/libgfortran-040039e1-0352e75f.so.5.0.0", "libgfortran"),
        ("libcudart.faf08d9a.so.13", "libcudart"),
        ("libssl.so.3", "libssl"),
        ("libglib-2.0.so.0", "libglib-2"),
        ("libscipy_openblas64_-32a4b2a6.so", "libscipy_openblas64_"),
        ("libQt6Core.so.6", "libQt6Core"),
        ("libssl.3.dylib", "libssl"),
        ("msvcp140-0123456789abcdef0123456789abcdef.dll", "msvcp140"),
    ],
)
def test_the_name_of_a_library(file: str, name: str) -> None:
    assert bundle_contents.stem(file) == name


def test_what_is_known_is_well_formed() -> None:
    known = tomllib.loads((licences.TEXTS / "known.toml").read_text(encoding="utf-8"))
    entries = [*known["distribution"].values(), *known["library"], *known["data"]]
    for entry in entries:
        assert set(entry) <= {"name", "files", "licence", "home", "texts", "note"}
        if "licence" in entry:
            licences.permitted(entry["licence"])
        for text in entry.get("texts", ()):
            assert (licences.TEXTS / text).is_file(), text
    for name in known["distribution"]:
        assert name == bundle_contents.normalised(name)
    used = {text for entry in entries for text in entry.get("texts", ())}
    assert {path.name for path in licences.TEXTS.glob("*.txt")} <= used


def test_all_that_annotator_needs_has_a_licence() -> None:
    """Of every distribution that is installed here and may get into a bundle."""
    known = tomllib.loads((licences.TEXTS / "known.toml").read_text(encoding="utf-8"))
    contents = Contents(distributions=needed("annotator"))
    _, wrong = licences.collect(contents, Path("nowhere"), known)
    assert wrong == []


def needed(root: str) -> dict[str, Distribution]:
    """What is installed of a distribution's requirements, and of theirs, without NVIDIA's."""
    from packaging.requirements import Requirement

    here = {bundle_contents.normalised(one.metadata["Name"]): one for one in distributions()}
    found: dict[str, Distribution] = {}
    names = [root]
    while names:
        name = names.pop()
        if name in found or name not in here or name.startswith(("nvidia-", "cuda-")):
            continue
        found[name] = here[name]
        for line in here[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                names.append(bundle_contents.normalised(requirement.name))
    del found[root]
    return found
