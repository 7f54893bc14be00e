"""How well the map of a whole text covers what the text speaks of: TTD, table 3."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotator.backends.protocols import Bools
from annotator.core import tag_scores
from annotator.core.errors import AnnotatorError
from annotator.core.label_maps import load_mask
from annotator.core.mask_metrics import Overlap, mean_overlap, overlap
from annotator.core.scoring import heat_threshold
from annotator.pipeline.evaluate_captions import Caption, Tell, cells_of, read_captions
from annotator.pipeline.ground import upsample
from annotator.pipeline.support import HasGrounder
from annotator.pipeline.text_maps import text_map_of, vectors_of
from annotator.project.project import Project

#: What CLIP-like models without a calibration of their own are cut at (appendix A.2).
THRESHOLD = 0.5


def text_masks_table(
    project: Project,
    packs: Sequence[HasGrounder],
    truth: Path,
    *,
    threshold: float | None = THRESHOLD,
    tell: Tell | None = None,
) -> list[dict[str, Any]]:
    """Two rows for every pack (a tuned one beside its base): "Map" is the "text", the heatmap of
    the whole caption, or the "tags", the union of the maps of its selected words (eq. 4's target).
    "CaptionIoU", "mFPR" and "mFNR" are means over the captions, in percent of the union of truth
    and map (table 3 writes the last two as fractions; a row adds up to 100). "Texts".

    A map is enlarged to the size of the mask and cut at ``threshold`` (the paper's 0.5 for
    MaskCLIP, 0.4 for TCL), the text's after its lowest and highest value were made 0 and 1, as
    those of the union's words were; None finds the cut of each map (core.scoring.heat_threshold).
    ``truth``: see ``evaluate_captions.read_captions``. Raises
    AnnotatorError when the truth cannot be read, or a mask is not of its image's size.
    """
    if threshold is not None and not 0.0 <= threshold <= 1.0:
        raise AnnotatorError(f"The threshold {threshold} is not between 0 and 1.")
    if not packs:
        raise AnnotatorError("Name at least one pack to compare.")
    captions = read_captions(project, truth, "mask")
    rows = []
    for pack in packs:
        grounder = pack.grounder()
        found: dict[str, list[Overlap]] = {"text": [], "tags": []}
        for caption, cells in cells_of(project, captions, grounder, tell, f"texts of {pack.name}"):
            true = _mask(caption)
            vectors = vectors_of(caption.text, caption.words, grounder)
            maps = text_map_of(cells, caption.text, caption.words, vectors)
            text = tag_scores.min_max(upsample(maps.heat, *true.shape))
            tags = upsample(maps.union, *true.shape)
            for name, large in (("text", text), ("tags", tags)):
                cut = heat_threshold(large) if threshold is None else threshold
                found[name].append(overlap(true, large > cut))
        for name, overlaps in found.items():
            mean = mean_overlap(overlaps)
            rows.append(
                {
                    "Pack": pack.name,
                    "Map": name,
                    "CaptionIoU": 100 * mean.iou,
                    "mFPR": 100 * mean.fpr,
                    "mFNR": 100 * mean.fnr,
                    "Texts": len(overlaps),
                }
            )
    return rows


def _mask(caption: Caption) -> Bools:
    if caption.mask is None:
        raise AnnotatorError(f"The caption of {caption.image.path} has no mask.")
    mask = load_mask(caption.mask)
    size = (caption.image.height, caption.image.width)
    if None not in size and mask.shape != size:
        raise AnnotatorError(
            f"{caption.mask} is {mask.shape[1]} x {mask.shape[0]} pixels, its image "
            f"{caption.image.path} {caption.image.width} x {caption.image.height}."
        )
    return mask
