"""The self-test: the whole program at work on photos that it brings along, from the source install
as from the packaged executable. Run by ``annotator self-test``.

Each step is a function that returns what it found, or raises AnnotatorError with what is wrong."""
