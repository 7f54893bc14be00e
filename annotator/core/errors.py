"""The errors a person is meant to read."""


class AnnotatorError(Exception):
    """One clear sentence that names the file or thing at fault and says what to do.

    The command line prints it as ``annotator: error: ...`` and exits with 1; the window shows it
    as a message. Anything else that escapes is a defect of ours.
    """


class NameTaken(AnnotatorError):
    """A synset of that name exists already; the caller may offer to merge into it.

    ``synset_id`` is the id of the synset that has the name.
    """

    def __init__(self, message: str, synset_id: int) -> None:
        super().__init__(message)
        self.synset_id = synset_id


class NothingToExport(AnnotatorError):
    """No decision, or no mask, may leave yet.

    ``remedy`` is what the command line adds: the option or command that helps ("" for none).
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class Cancelled(AnnotatorError):
    """The person stopped the work; what was finished is kept."""
