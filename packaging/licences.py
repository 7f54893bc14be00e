"""The licence notices of everything inside a built folder, and the refusal of what has none.

    python packaging/licences.py BUNDLE [--site-packages FOLDER]

Writes ``LICENCES/THIRD-PARTY.txt`` into the bundle: a list of what is inside with versions, licence
expressions and home pages, then the texts. What is known beyond the metadata of the distributions
is in ``packaging/licences/known.toml``. Fails with a sentence for everything that is inside without
a licence, and for what may only be passed on under the GPL.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import sysconfig
import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import bundle_contents
import system_packages
from bundle_contents import Contents, stem

TEXTS = Path(__file__).resolve().parent / "licences"
#: What distributions write instead of an SPDX expression, where it can mean one thing only.
_SAID = {
    **dict.fromkeys(("apache", "apache 2.0", "apache-2.0", "apache 2.0 license"), "Apache-2.0"),
    **dict.fromkeys(("apache software license", "apache license, version 2.0"), "Apache-2.0"),
    **dict.fromkeys(("mit", "mit license"), "MIT"),
    **dict.fromkeys(("bsd-2-clause", "bsd 2-clause license", "freebsd"), "BSD-2-Clause"),
    **dict.fromkeys(("bsd-3-clause", "bsd 3-clause license"), "BSD-3-Clause"),
    **dict.fromkeys(("mozilla public license 2.0 (mpl 2.0)", "mpl-2.0"), "MPL-2.0"),
    **dict.fromkeys(("isc license", "isc license (iscl)"), "ISC"),
    "python software foundation license": "PSF-2.0",
    "licenseref-nvidia-proprietary": "LicenseRef-NVIDIA-Proprietary",
}
_EXPRESSION = re.compile(r"[\w.+-]+(\s+(AND|OR|WITH)\s+\(?[\w.+-]+\)?|[()]|\s+)*")
_NAMED_SO = re.compile(r"licen[cs]e|copying|notice|third[-_]?party|3rdparty", re.IGNORECASE)
_CODE = (".py", ".pyc", ".pyi", ".so", ".h", ".json", ".toml", ".tmpl")


@dataclass
class Part:
    """One thing inside the bundle. ``texts``: title and text of each licence or notice."""

    name: str
    version: str
    licence: str
    home: str
    holds: str
    texts: list[tuple[str, str]] = field(default_factory=list)
    note: str = ""


class Refused(Exception):
    """What may not be passed on as it is: one sentence for each thing."""


def write(bundle: Path, site_packages: Path) -> list[Part]:
    """Write the notices into ``bundle/LICENCES`` and return what is inside, by name.

    ``site_packages``: of the environment that the bundle was built in. Raises Refused.
    """
    contents = bundle_contents.read(bundle, site_packages)
    known: dict[str, Any] = tomllib.loads((TEXTS / "known.toml").read_text(encoding="utf-8"))
    parts, wrong = collect(contents, bundle, known)
    parts = merged([*parts, _python(), _bootloader()])
    wrong += [
        f"{one.name} ({one.licence}) may only be passed on under the GPL: leave it out."
        for one in parts
        if one.licence and not permitted(one.licence)
    ]
    if wrong:
        raise Refused("\n".join(wrong))
    folder = bundle / "LICENCES"
    folder.mkdir(exist_ok=True)
    own = (TEXTS.parent.parent / "LICENSE").read_text(encoding="utf-8")
    (folder / "LICENCE.txt").write_text(own, encoding="utf-8")
    (folder / "THIRD-PARTY.txt").write_text(document(parts), encoding="utf-8")
    return parts


def collect(
    contents: Contents, bundle: Path, known: dict[str, Any]
) -> tuple[list[Part], list[str]]:
    """What is inside beside Python, and a sentence for each thing of which no licence is known."""
    parts: list[Part] = []
    wrong: list[str] = []
    for name, one in contents.distributions.items():
        part = _distribution(one, known["distribution"].get(name, {}))
        part.holds = _holds(len(contents.files[name]), contents.modules[name])
        parts.append(part)
        if not part.licence or not part.texts:
            missing = "expression" if not part.licence else "text"
            wrong.append(
                f"{part.name} {part.version} is inside without a licence {missing}: add it to "
                "packaging/licences/known.toml."
            )
    libraries = dict.fromkeys(contents.system, "")
    libraries |= {one: name for name, files in contents.carried.items() for one in files}
    for file, carrier in libraries.items():
        entry = _known_library(known["library"], stem(file))
        if entry is None:
            whose = f", which {carrier} brings," if carrier else ""
            wrong.append(
                f"The library {file}{whose} is inside and nothing is known of its licence: add "
                f"{stem(file)} to packaging/licences/known.toml."
            )
            continue
        parts.append(_library(file, carrier, entry))
    wrong += [f"{one} is inside and nobody knows where it is from." for one in contents.unknown]
    for entry in known["data"]:
        found = sum(1 for pattern in entry["files"] for _ in bundle.glob(pattern))
        if found:
            parts.append(_entry(entry["name"], entry, _holds(found, 0)))
    return parts, wrong


def permitted(expression: str) -> bool:
    """Whether an SPDX expression leaves a way to pass the thing on that is not the plain GPL.

    The LGPL is such a way, and so is the GPL with an exception (of a compiler's run-time library,
    of PyInstaller's start program). Raises ValueError for what is no expression.
    """
    words = re.findall(r"[()]|[\w.+-]+", expression)

    def either() -> bool:
        good = both()
        while words and words[0] == "OR":
            words.pop(0)
            good = both() or good
        return good

    def both() -> bool:
        good = one()
        while words and words[0] == "AND":
            words.pop(0)
            good = one() and good
        return good

    def one() -> bool:
        if not words or words[0] in (")", "AND", "OR", "WITH"):
            raise ValueError(f"{expression!r} is no licence expression")
        word = words.pop(0)
        if word == "(":
            good = either()
            if not words or words.pop(0) != ")":
                raise ValueError(f"{expression!r} is no licence expression")
            return good
        if words and words[0] == "WITH":
            del words[:2]
            return True
        return not word.startswith(("GPL-", "AGPL-"))

    good = either()
    if words:
        raise ValueError(f"{expression!r} is no licence expression")
    return good


def document(parts: list[Part]) -> str:
    """The notices as one text: the list, then every text once."""
    numbers: dict[str, int] = {}
    titles: dict[str, str] = {}
    for part in parts:
        for title, text in part.texts:
            numbers.setdefault(text, len(numbers) + 1)
            titles.setdefault(text, f"{part.name}: {title}")
    lines = [
        "Annotator's own licence is in LICENCE.txt. This is what else is in this folder, under its",
        "own terms: name, version, licence (an SPDX expression), home page, and the numbers of the",
        "texts, which follow the list.",
        "",
    ]
    for part in parts:
        lines += [f"{part.name} {part.version}".rstrip(), f"    licence  {part.licence}"]
        lines += [f"    home     {part.home}"] if part.home else []
        lines += [f"    inside   {part.holds}"] if part.holds else []
        lines += [f"    note     {part.note}"] if part.note else []
        told = sorted({numbers[text] for _, text in part.texts})
        lines += [f"    texts    {', '.join(map(str, told))}"] if told else []
        lines.append("")
    for text, number in numbers.items():
        lines += ["=" * 80, f"{number}  {titles[text]}", "=" * 80, "", text.strip(), ""]
    return "\n".join(lines)


def said(metadata: Any) -> str:
    """The licence expression of a distribution's metadata; "" when it says none that is one."""
    # Not by index: the backport importlib_metadata, once imported, raises for what is not there.
    if metadata.get("License-Expression"):
        return str(metadata.get("License-Expression"))
    names = [str(metadata.get("License") or "")]
    names += [
        line.rpartition("::")[2].strip()
        for line in metadata.get_all("Classifier", [])
        if line.startswith("License ::")
    ]
    for name in names:
        if name.strip().lower() in _SAID:
            return _SAID[name.strip().lower()]
        if re.search(r" (AND|OR) ", name) and "\n" not in name and _EXPRESSION.fullmatch(name):
            return name
    return ""


def _distribution(one: Distribution, entry: dict[str, Any]) -> Part:
    metadata: Any = one.metadata
    part = Part(metadata["Name"], one.version, entry.get("licence") or said(metadata), "", "")
    part.home = entry.get("home") or _home(metadata)
    part.note = entry.get("note", "")
    declared = {str(name) for name in metadata.get_all("License-File", [])}
    for file in one.files or ():
        inner = file.as_posix().partition(".dist-info/")[2]
        told = inner.removeprefix("licenses/") in declared or _NAMED_SO.search(file.name)
        path = Path(str(one.locate_file(file)))
        if told and not file.name.endswith(_CODE) and path.is_file():
            part.texts.append((inner or file.as_posix(), _read(path)))
    part.texts += [(name, _read(TEXTS / name)) for name in entry.get("texts", ())]
    return part


def _library(file: str, carrier: str, entry: dict[str, Any]) -> Part:
    part = _entry(entry["name"], entry, Path(file).name + (f" (of {carrier})" if carrier else ""))
    package = None if carrier else system_packages.owner(Path(file).name)
    if package is not None:
        part.version = package.version
        part.texts.append((f"copyright of Debian's {package.name}", _read(package.copyright)))
    if carrier and not part.texts:
        part.note = "; ".join(filter(None, (part.note, f"its notice is among those of {carrier}")))
    return part


def _entry(name: str, entry: dict[str, Any], holds: str) -> Part:
    texts = [(one, _read(TEXTS / one)) for one in entry.get("texts", ())]
    home, note = entry.get("home", ""), entry.get("note", "")
    return Part(name, "", entry["licence"], home, holds, texts, note)


def _python() -> Part:
    version = platform.python_version()
    # Where make install puts it, and Windows' and macOS' installers.
    for path in (
        Path(sysconfig.get_path("stdlib"), "LICENSE.txt"),
        Path(sys.base_prefix, "LICENSE.txt"),
    ):
        if path.is_file():
            text = _read(path)
            break
    else:
        raise Refused("The Python that builds has no LICENSE.txt beside its standard library.")
    texts = [("LICENSE.txt", text)]
    return Part("Python", version, "PSF-2.0", "https://www.python.org", "the interpreter", texts)


def _bootloader() -> Part:
    from importlib.metadata import distribution

    part = _distribution(distribution("pyinstaller"), {})
    part.licence = "GPL-2.0-or-later WITH Bootloader-exception"
    part.holds = "the program that starts Python, and the modules that it starts with"
    return part


def _known_library(known: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The entry that has the name of a library; before those with a pattern that fits it."""
    for entry in known:
        if name in entry["files"]:
            return entry
    for entry in known:
        if any(fnmatchcase(name, pattern) for pattern in entry["files"]):
            return entry
    return None


def merged(parts: list[Part]) -> list[Part]:
    """One part for the several libraries of one project, in the order of the alphabet."""
    found: dict[tuple[str, str, str], Part] = {}
    for part in sorted(parts, key=lambda one: (one.name.lower(), one.version, one.holds)):
        first = found.setdefault((part.name, part.version, part.licence), part)
        if first is not part:
            first.holds = f"{first.holds}, {part.holds}"
            first.texts += [one for one in part.texts if one not in first.texts]
    return list(found.values())


def _holds(files: int, modules: int) -> str:
    counts = ((files, "file"), (modules, "module"))
    return " and ".join(f"{n} {word}{'s' if n > 1 else ''}" for n, word in counts if n)


def _home(metadata: Any) -> str:
    if metadata.get("Home-page"):
        return str(metadata.get("Home-page"))
    links = [line.partition(",") for line in metadata.get_all("Project-URL", [])]
    named = {label.strip().lower(): link.strip() for label, _, link in links}
    for label in ("homepage", "home", "repository", "source", "source code", "github"):
        if label in named:
            return named[label]
    return next(iter(named.values()), "")


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace").replace("\r\n", "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--site-packages", type=Path, default=Path(sysconfig.get_path("purelib")))
    options = parser.parse_args()
    try:
        parts = write(options.bundle, options.site_packages)
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    for licence in sorted({one.licence for one in parts}):
        print(f"{licence}: {', '.join(one.name for one in parts if one.licence == licence)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
