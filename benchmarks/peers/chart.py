"""Draws the table of peers.py: for every row a bar for each command, as long as it is fast, next to
adapipe's; a bar that does not fit ends in an arrow."""
from itertools import groupby
from xml.sax.saxutils import escape

LABELS = 190  # pixels
SCALE = 400  # adapipe's bar
MOST = 1.25  # times that
BAR = 16
GAP = 12
COLOURS = {"adapipe": "#2a6fbb", "kernel limit": "#b9c4d0"}
OTHERS = "#e0a458"


def text(x, y, words, **attributes):
    extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x}" y="{y}"{extra}>{escape(words)}</text>'


def bar(y, line):
    speed = 1 / float(line["time / adapipe's"])
    width = SCALE * min(speed, MOST)
    colour = COLOURS.get(line["command"], OTHERS)
    end = LABELS + width
    shape = f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR - 3}" fill="{colour}"/>'
    if speed > MOST:
        shape += f'<path d="M{end:.1f} {y} l7 {(BAR - 3) / 2} l-7 {(BAR - 3) / 2} z" fill="{colour}"/>'
        end += 7
    figure = f'{line["wall s"]} s, {line["MB/s"]} MB/s'
    if line["command"] != "adapipe":
        figure += f" ({speed:.2f}x)"
    return [text(LABELS - 6, y + BAR - 6, line["command"], text_anchor="end"), shape,
            text(f"{end + 6:.1f}", y + BAR - 6, figure)]


def bar_chart(title, table):
    """`table`: dictionaries as in peers.csv."""
    y = 58
    parts = [text(10, 20, title, font_weight="bold"),
             text(10, 38, "Longer is faster; in brackets: next to adapipe.")]
    for row, lines in groupby(table, lambda line: line["row"]):
        y += GAP
        parts.append(text(10, y, row, font_weight="bold"))
        y += 5
        for line in lines:
            parts += bar(y, line)
            y += BAR
        y += GAP
    width = LABELS + int(SCALE * MOST) + 210
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" '
            'font-family="sans-serif" font-size="12">\n'
            f'<rect width="{width}" height="{y}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")
