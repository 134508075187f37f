"""What a learner moves: the scrub slider, the gallery, the live trainer, the data painter, the probe."""

from rlkit_workbook.cells import renewed
from rlkit_workbook.widgets.gallery import gallery_panel
from rlkit_workbook.widgets.painting import data_painter
from rlkit_workbook.widgets.probing import probe
from rlkit_workbook.widgets.scrubbing import scrub
from rlkit_workbook.widgets.training import live_trainer

__all__ = ["data_painter", "gallery_panel", "live_trainer", "probe", "scrub"]

data_painter, gallery_panel, live_trainer, probe, scrub = map(
    renewed, (data_painter, gallery_panel, live_trainer, probe, scrub)
)
