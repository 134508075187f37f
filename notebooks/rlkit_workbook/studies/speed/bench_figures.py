"""The benchmark's figure, from its results alone."""

from __future__ import annotations

from rlkit_mini.plots.style import GRID, INK, label_axes, new_figure, style_of

SHADES = (0.35, 0.65, 1.0)  # of a peer's, of one seed's and of several seeds' bar


def draw_speed(results: dict[str, list[dict]]):
    """Throughput against members in two configurations; then, where a peer was measured, seconds until solved."""
    figure, axes = new_figure(1, 3 if results["peer"] else 2, width=14 if results["peer"] else 9.5, height=4.4)
    for ax, configuration in zip(axes, ("course", "default"), strict=False):
        rows = [row for row in results["training"] if row["configuration"] == configuration]
        for agent in dict.fromkeys(row["agent"] for row in rows):
            own = [row for row in rows if row["agent"] == agent]
            ax.plot(
                [row["members"] for row in own],
                [row["times the plain loop"] for row in own],
                label=agent,
                **style_of(agent),
            )
        ax.axhline(1, color=INK, linewidth=1, linestyle=(0, (5, 3)), zorder=1)
        words = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points", "ha": "right"}
        ax.annotate("plain loop", (1, 1), (-4, 4), color=INK, fontsize=9, **words)
        ax.set_xscale("log", base=2)
        ax.set_xticks([row["members"] for row in own], [f"{row['members']:,}" for row in own])
        ax.set_ylim(0, 1.05 * max(row["times the plain loop"] for row in results["training"]))
        ax.grid(axis="y", color=GRID)
        title = {"course": "The course's network and batch", "default": "The default settings"}[configuration]
        label_axes(ax, title, "members", "member-updates, times the plain loop's", "upper left")
    if results["peer"]:
        _draw_peer(axes[-1], results["peer"])
    return figure


def _draw_peer(ax, rows: list[dict]) -> None:
    """A bar a run, of its seconds until solved; one that never was ends open."""
    groups = list(dict.fromkeys((row["agent"], row["configuration"]) for row in rows))
    whos = list(dict.fromkeys(row["who"] for row in rows))
    places = [
        groups.index((row["agent"], row["configuration"])) * (len(whos) + 1) + whos.index(row["who"]) for row in rows
    ]
    lengths = [row["updates"] / row["updates a second"] for row in rows]
    for row, place, length in zip(rows, places, lengths, strict=True):
        color, alpha = style_of(row["agent"])["color"], SHADES[whos.index(row["who"])]
        ax.barh(place, length, color=color, alpha=alpha)
        words = f"{length:.1f} s" if row["seconds"] is not None else f"not in {length:.0f} s"
        ax.annotate(words, (length, place), (4, 0), textcoords="offset points", va="center", color=INK, fontsize=9)
    ax.set_yticks(places, [f"{row['who']}, {row['agent']}, {row['configuration']}" for row in rows], fontsize=8)
    ax.set_xlim(0, 1.3 * max(lengths))
    ax.invert_yaxis()
    ax.grid(axis="x", color=GRID)
    label_axes(ax, "Medium solved by every seed", "seconds of training")
