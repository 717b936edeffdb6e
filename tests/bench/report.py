# SPDX-License-Identifier: Apache-2.0
"""Tables: printed at once, and kept as Markdown in build/bench/tables/NAME.md.  store() puts each where a page has its name:

    <!-- bench NAME -->
    what the command last measured
    <!-- end -->
"""
import re
import shutil

from measure import DIR, ROOT

TABLES, PLOTS, RUN = DIR / "tables", DIR / "plots", DIR / "run.txt"
PAGES = "README.md", "docs/performance.md", "docs/deploy.md"


def begin(line):
    """What is told of the run under each table."""
    for folder in (TABLES, PLOTS):
        folder.mkdir()
    RUN.write_text(line + "\n")


def keep(name, text):
    (TABLES / f"{name}.md").write_text(text.rstrip("\n") + "\n")


def markdown(head, rows):
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows])


def table(name, head, rows):
    """head: titles of the columns, the first of which is the table's; rows: texts, as many in each."""
    rows = [[str(cell) for cell in row] + [""] * (len(head) - len(row)) for row in rows]
    widths = [max(len(line[i]) for line in [head, *rows] if i == 0 or any(line[1:])) for i in range(len(head))]
    print()
    for line in [head, *rows]:
        print("  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]).rstrip())
    keep(name, markdown(head, rows))


def front(result):
    """The short one of README.md, where both parts were measured."""
    def cell(part, row):
        r = result[part].get("rows", {}).get(row, {})
        return f"{r['us']:.1f} us, {r['mib']:.0f} MiB" if "us" in r else ""

    if "shipper" not in result or "collector" not in result:
        return
    rows = [["floor", cell("shipper", "floor"), cell("collector", "floor")],
            ["**Sluice**", f"**{cell('shipper', 'sluice-shipper')}**", f"**{cell('collector', 'sluice-collector')}** (gzip, a verdict per document)"],
            ["Sluice, batch format", cell("shipper", "sluice-shipper, batch format"), ""],
            ["Sluice, not compressed", "", cell("collector", "sluice-collector, not compressed")],
            ["rsyslog", cell("shipper", "rsyslog"), cell("collector", "rsyslog, not compressed") + " (no gzip, no verdict per document)"]]
    keep("front", markdown(["", "file to Kafka, acks=all", "Kafka to `_bulk`"], rows))


def plot(name, svg):
    (PLOTS / f"{name}.svg").write_text(svg)


def store():
    """What the last run measured goes into the pages, and its plots to docs/bench/."""
    for page in map(ROOT.joinpath, PAGES):
        text = page.read_text()
        for path in sorted(TABLES.glob("*.md")):
            mark = f"<!-- bench {path.stem} -->\n"
            new = f"{mark}{path.read_text()}\n{RUN.read_text()}"
            text, found = re.subn(re.escape(mark) + r".*?(?=<!-- end -->)", lambda _, new=new: new, text, flags=re.S)
            if found:
                print(f"{page.relative_to(ROOT)}: {path.stem}")
        page.write_text(text)
    for path in sorted(PLOTS.glob("*.svg")):
        shutil.copy(path, ROOT / "docs/bench")
        print(f"docs/bench/{path.name}")
