"""Every figure of the workbook: the same colours, walls and labels everywhere. Nothing here uses pyplot.

The draw functions put one thing on given axes. Maps are arrays over an oracle's sub-cells, and compared maps are given
the same `limits`. A figure as a cell's last expression shows itself.
"""

from rlkit_mini.plots.curves import draw_curve, draw_phases, draw_references, draw_settings, highlight
from rlkit_mini.plots.maps import (
    directions,
    draw_arrows,
    draw_map,
    draw_maze,
    draw_paths,
    draw_visits,
    map_limits,
    visits_on_grid,
)
from rlkit_mini.plots.style import (
    GRID,
    INK,
    QUIET,
    RETURN,
    Picture,
    label_axes,
    label_of,
    new_figure,
    save_figure,
    shades,
    style_of,
    to_png,
)
