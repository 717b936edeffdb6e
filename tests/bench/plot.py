# SPDX-License-Identifier: Apache-2.0
"""One figure against another as a line, drawn as SVG without any library."""
import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 300, 64, 24, 44, 52
COLOURS = ("#06c", "#c60", "#083", "#939")


def round_up(value):
    """The next of 1, 2, 5, 10, 20, ..."""
    unit = 10 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 5, 10) if step * unit >= value * 0.999)


def line_chart(title, x_name, y_name, series):
    """series: {name: [(x, y), ...]}; x is drawn in equal steps of its logarithm."""
    xs = sorted({x for points in series.values() for x, _ in points})
    high = round_up(max(y for points in series.values() for _, y in points) or 1)
    low_log, high_log = math.log(xs[0]), math.log(xs[-1])

    def place(x, y):
        at = (math.log(x) - low_log) / (high_log - low_log or 1)
        return LEFT + (WIDTH - LEFT - RIGHT) * at, HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / high

    out = [f'<text x="{LEFT}" y="20" font-weight="bold">{title}</text>',
           f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{x_name}</text>',
           f'<text x="14" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" '
           f'transform="rotate(-90 14 {(TOP + HEIGHT - BOTTOM) / 2})">{y_name}</text>']
    for i in range(5):
        y = high * i / 4
        _, at = place(xs[0], y)
        out.append(f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in xs:
        at, _ = place(x, 0)
        out.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:,}</text>')
    for (name, points), colour in zip(series.items(), COLOURS):
        places = [place(x, y) for x, y in points]
        out.append('<polyline points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in places) +
                   f'" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        if len(series) > 1:
            x, y = places[-1]
            out.append(f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="end" fill="{colour}">{name}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
            '<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(out) + "\n</svg>\n")
