"""Print the time at which labelme has painted the first image of a folder, and exit.

Run by ``bench_first_image.py`` with the Python of an environment that holds labelme:
``python peer_labelme.py FOLDER``. Prints one number: seconds since the epoch.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time

from labelme.widgets import canvas

_paint = canvas.Canvas._render_canvas


def _painted(self: canvas.Canvas) -> None:
    _paint(self)
    print(time.time(), flush=True)
    os._exit(0)


canvas.Canvas._render_canvas = _painted

if __name__ == "__main__":
    os.environ["HOME"] = tempfile.mkdtemp()
    from labelme.__main__ import main

    sys.argv = ["labelme", sys.argv[1]]
    main()
