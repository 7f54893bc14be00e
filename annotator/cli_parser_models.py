"""The part of the parser about packs of models."""

from __future__ import annotations

from annotator.cli_models_add import add_models_add
from annotator.cli_parser_base import Commands, a_path, a_text


def add_models(commands: Commands) -> None:
    group = commands.group("models", "the packs of models")
    group.add(
        "list",
        "the packs that are there",
        "models list",
        "Ready: yes, no, or server for one whose server is not asked now. Nothing is sent.",
    )
    show = group.add("show", "the models of a pack, their sources and licences", "models show")
    verify = group.add("verify", "compare the files of a pack with their hashes", "models verify")
    for one in (show, verify):
        one.add_argument("pack", metavar="PACK", nargs="?", default="starter", help="(starter)")
    _add_download(group)
    add_models_add(group)
    server = group.add(
        "server",
        "make a pack of an OpenAI-compatible server (vLLM, Ollama, llama.cpp, LM Studio)",
        "models server lab http://192.168.1.20:8000/v1 --model Qwen2.5-VL-7B-Instruct",
        "Nothing is sent to it before a command names the pack: propose --pack NAME.",
    )
    server.add_argument("name", metavar="NAME", type=a_text, help="what to call the pack")
    server.add_argument("url", metavar="URL", type=a_text, help="where it is, up to /v1")
    server.add_argument("--model", metavar="MODEL", type=a_text, default="", help="(its first one)")
    server.add_argument(
        "--language-model", metavar="MODEL", type=a_text, help="to group with (the same one)"
    )
    server.add_argument(
        "--key",
        metavar="WHERE",
        type=a_text,
        default="",
        help="where its key is: env:VARIABLE, or keyring:NAME (see models key)",
    )
    server.add_argument("--look", action="store_true", help="ask it now which models it has")
    remove = group.add(
        "remove",
        "delete a pack that was trained, added or made of a server here",
        "models remove clip-mine",
        "A key in the keyring stays there.",
    )
    remove.add_argument("pack", metavar="PACK", type=a_text, help="its name")
    key = group.add(
        "key",
        "keep the key of a server in the keyring of this computer",
        "models key lab",
        "It is asked for without being shown, or read from stdin.",
    )
    key.add_argument("name", metavar="NAME", type=a_text, help="as in --key keyring:NAME")


def _add_download(group: Commands) -> None:
    download = group.add(
        "download",
        "fetch the missing files of a pack, or say which they are",
        "models download clip",
        "It may be stopped at any time: the same command goes on where it was. HTTPS_PROXY, "
        "HTTP_PROXY, NO_PROXY, HF_ENDPOINT and HF_TOKEN are heeded.",
    )
    download.add_argument("pack", metavar="PACK", type=a_text, help="its name")
    download.add_argument(
        "--role", metavar="ROLE", type=a_text, action="append", help="only this role (all)"
    )
    download.add_argument(
        "--list",
        action="store_true",
        help="fetch nothing: print each file's address, size, SHA-256 and place; sends nothing",
    )
    download.add_argument(
        "--ask",
        action="store_true",
        help="with --list: ask the model hub for the files, sizes and hashes it knows",
    )
    download.add_argument(
        "--into",
        metavar="FOLDER",
        type=a_path,
        help="fill this folder for another machine, with a list of what is in it",
    )
    download.add_argument(
        "--mirror",
        metavar="URL",
        type=a_text,
        default="",
        help="a server that stands in for the model hub (HF_ENDPOINT)",
    )
    download.add_argument(
        "--proxy",
        metavar="URL",
        type=a_text,
        default="",
        help="as http://host:port (HTTPS_PROXY, HTTP_PROXY)",
    )
