"""The command that fetches the files of a pack, and lists them for who must carry them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from annotator.cli_output import Output, counted, facts, plain
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress

if TYPE_CHECKING:
    from annotator.backends.downloads import Item


def models_download(words: Namespace, out: Output) -> int:
    from annotator.backends import downloads, registry

    if words.ask and not words.list:
        raise AnnotatorError("--ask goes with --list: without it the hub is asked anyway.")
    settings = downloads.Settings(mirror=words.mirror, proxy=words.proxy, into=words.into)
    pack = registry.load_pack(words.pack)
    items = downloads.plan(pack, words.role, settings)
    notes = downloads.not_downloaded(pack, words.role)
    if words.list:
        if words.ask:
            items = downloads.ask(items, settings)
        folder = words.into or registry.download_folder()
        document = {
            "pack": pack.name,
            "folder": str(folder),
            "bytes": downloads.known_size(items),
            "files": [_facts(item) for item in items],
            "notes": notes,
        }
        out.result(document, _listed(items, notes, downloads.known_size(items)))
        return 0
    if items:
        result = out.drive(_readable(downloads.download(items, settings)))
    else:
        result = {"files": [], "downloaded": 0, "bytes": 0, "folder": None}
    if words.into is not None and items:
        notes += downloads.carry_manifest(words.into, pack)
    out.result({"pack": pack.name, **result, "notes": notes}, _said(pack.name, result, notes))
    return 0


def _facts(item: Item) -> dict[str, Any]:
    return {
        "role": item.role,
        "file": item.name,
        "url": item.url,
        "size": item.size,
        "sha256": item.sha256 or None,
        "pinned": item.pinned,
        "path": str(item.path),
        "there": item.there,
        "patterns": list(item.patterns),
    }


def _listed(items: Sequence[Item], notes: Sequence[str], missing: int) -> str:
    parts = []
    for item in items:
        rows: list[tuple[str, Any]] = [("role", item.role)]
        if item.patterns:
            rows += [
                ("files", f"those that match {', '.join(item.patterns)}; --ask lists them"),
                ("page", item.url),
            ]
        else:
            rows += [
                ("address", item.url),
                ("size", "unknown" if item.size is None else f"{item.size} bytes"),
                ("SHA-256", item.sha256 or "not pinned"),
            ]
        where = f"{item.path}{' (there)' if item.there else ''}"
        parts.append(facts([*rows, ("goes to", where)]))
    if items:
        parts.append(f"{amount(missing)} to download." if missing else "Everything is there.")
    return "\n\n".join([*parts, *([plain_lines(notes)] if notes else [])])


def _said(pack: str, result: dict[str, Any], notes: Sequence[str]) -> str:
    files = result["files"]
    if not files:
        return plain_lines([f"The pack {pack} has nothing to download.", *notes])
    there = len(files) - result["downloaded"]
    lines = [f"{counted(result['downloaded'], 'file')} downloaded, {amount(result['bytes'])}."]
    if there:
        lines[0] += f" {counted(there, 'file')} {'was' if there == 1 else 'were'} there."
    checked = {
        whose: sum(row["compared"] == whose for row in files) for whose in ("manifest", "server")
    }
    lines.append(
        f"SHA-256 compared with the manifest's: {checked['manifest']}, with the server's: "
        f"{checked['server']}, with none: {len(files) - sum(checked.values())}."
    )
    if result["folder"] is not None:
        lines.append(f"The folder to carry is {result['folder']}; FILES.txt in it says what to do.")
    else:
        lines.append(f"Next: annotator models verify {pack}")
    return plain_lines([*lines, *notes])


def amount(count: int) -> str:
    """Bytes in words."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


def plain_lines(lines: Sequence[str]) -> str:
    return "\n".join(plain(line) for line in lines)


def _readable(steps: Iterator[Progress]) -> Iterator[Progress]:
    """The progress in MB instead of bytes: nobody reads ten digits."""
    try:
        for step in steps:
            total = None if step.total is None else -(-step.total // 10**6)
            yield replace(step, step="MB", done=-(-step.done // 10**6), total=total)
    finally:
        close = getattr(steps, "close", None)
        if close is not None:
            close()


COMMANDS = {"models download": models_download}
