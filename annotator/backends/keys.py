"""Keys of servers: where they are kept, by name. Annotator writes a key to no file of its own."""

from __future__ import annotations

import os
import re

from annotator.core.errors import AnnotatorError

#: What our keys are filed under in the keyring of the operating system.
SERVICE = "annotator"
_ENV = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_KEYRING = re.compile(r"keyring:[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")


def check(name: str, where: str = "the pack") -> str:
    """``name``, when it names a place: "" (no key), "env:VARIABLE" or "keyring:NAME". Anything
    else may be a key: AnnotatorError, without repeating it. ``where``: what has the name in it."""
    if name == "" or _ENV.match(name) or _KEYRING.match(name):
        return name
    raise AnnotatorError(
        f"The key in {where} must be the name of where it is kept, env:VARIABLE or keyring:NAME, "
        "and never the key itself."
    )


def key(name: str) -> str | None:
    """The key that ``name`` names, None for "". Raises AnnotatorError when it is not there, or
    is nothing that can be sent."""
    kind, _, place = check(name).partition(":")
    if not kind:
        return None
    found = os.environ.get(place) if kind == "env" else _from_keyring(place)
    found = (found or "").strip()
    if not found:
        raise AnnotatorError(
            f"The environment variable {place}, where a server's key is kept, is not set: set it "
            "and try again."
            if kind == "env"
            else f"The keyring has no key named {place}: store it there first (service {SERVICE}, "
            f"name {place})."
        )
    if not (found.isascii() and found.isprintable()):
        raise AnnotatorError(
            f"The key in {name} has characters that no key has: store the right one there."
        )
    return found


def require_keyring() -> None:
    """Raises AnnotatorError when this system has none: a secret need not be asked for then."""
    import keyring
    from keyring.backends.fail import Keyring
    from keyring.errors import NoKeyringError

    if isinstance(keyring.get_keyring(), Keyring):
        raise _no_keyring(NoKeyringError())


def store(name: str, secret: str) -> None:
    """Puts a key into the keyring as "keyring:NAME", or NAME for short, replacing what is there.
    Raises AnnotatorError for another name, for what can be no key, and without a keyring."""
    full = name if ":" in name else f"keyring:{name}"
    if not _KEYRING.match(full):
        raise AnnotatorError(
            "A key is stored in the keyring under a name of letters, digits, dots, - and _: "
            "choose one. An environment variable is yours to set."
        )
    secret = secret.strip()
    if not (secret and secret.isascii() and secret.isprintable()):
        raise AnnotatorError(
            "The key is empty or has characters that no key has: copy it again, whole."
        )
    import keyring

    try:
        keyring.set_password(SERVICE, full.partition(":")[2], secret)
    except Exception as error:  # backends raise what their desktop's service raises
        raise _no_keyring(error) from None


def _from_keyring(place: str) -> str | None:
    import keyring

    try:
        return keyring.get_password(SERVICE, place)
    except Exception as error:  # backends raise what their desktop's service raises
        raise _no_keyring(error) from None


def _no_keyring(error: Exception) -> AnnotatorError:
    from keyring.errors import KeyringLocked, NoKeyringError

    if isinstance(error, NoKeyringError):
        return AnnotatorError(
            "This system has no keyring to keep a key in: put the key into an environment "
            "variable and name it as env:VARIABLE."
        )
    if isinstance(error, KeyringLocked):
        return AnnotatorError("The keyring is locked: unlock it and try again.")
    return AnnotatorError(
        f"The keyring of this system does not answer ({type(error).__name__}): unlock it, or name "
        "the key as env:VARIABLE."
    )
