"""What a learner moves: the scrub slider, the gallery, the live trainer, the data painter, the probe."""

from rlkit_workbook.cells import renewed
from rlkit_workbook.widgets.gallery import GalleryPanel
from rlkit_workbook.widgets.painting import DataPainter
from rlkit_workbook.widgets.probing import probe
from rlkit_workbook.widgets.scrubbing import Scrub
from rlkit_workbook.widgets.training import LiveTrainer

__all__ = ["data_painter", "gallery_panel", "live_trainer", "probe", "scrub"]

data_painter, gallery_panel, live_trainer, probe, scrub = map(
    renewed, (DataPainter, GalleryPanel, LiveTrainer, probe, Scrub)
)
