"""The report's style sheet: one page for phone, wide screen, paper, light and dark."""

_PALETTE_LIGHT = (
    "#0b62b8", "#c2410c", "#15803d", "#9333ea", "#be185d", "#0e7490", "#a16207", "#52525b",
)  # fmt: skip
_PALETTE_DARK = (
    "#6fb1ff", "#ff9a62", "#5fd08a", "#c79bff", "#ff8ab8", "#4fd1e0", "#f2c14e", "#b3b3bd",
)  # fmt: skip


def _variables(palette: tuple[str, ...], **named: str) -> str:
    colours = {**{f"c{i}": colour for i, colour in enumerate(palette)}, **named}
    return " ".join(f"--{name.replace('_', '-')}: {value};" for name, value in colours.items())


_LIGHT = _variables(
    _PALETTE_LIGHT,
    page="#ffffff", card="#f7f7f8", line="#d9d9de", ink="#1b1b1f", quiet="#5b5b66",
    wrong="#b91c1c", right="#146c2e", empty="#e6e6ea",
)  # fmt: skip
_DARK = _variables(
    _PALETTE_DARK,
    page="#141417", card="#1e1e23", line="#3a3a42", ink="#ececf1", quiet="#a5a5b2",
    wrong="#ff8a80", right="#7ddb95", empty="#33333b",
)  # fmt: skip

_RULES = """
*, *::before, *::after { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 1rem; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: .5rem 0; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; border-top: 2px solid var(--line);
  padding-top: 1rem; }
h3 { font-size: 1.1rem; margin: 1.8rem 0 .5rem; }
p, li { max-width: 75ch; }
a { color: var(--c0); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; list-style: none; }
.note, caption, .value, .name, figcaption { color: var(--quiet); }
.note { font-size: .9rem; }
.headline { font-size: 1.1rem; }
/* A shade at the right says that a table goes on; the first layer hides it at the end. */
.scroll { overflow-x: auto; margin: 1rem 0; background:
  linear-gradient(to left, var(--page) .8rem, transparent) right / 2rem 100% no-repeat local,
  linear-gradient(to left, var(--line), transparent) right / .8rem 100% no-repeat scroll; }
/* Borders that collapse do not move with a sticky cell. */
table { border-collapse: separate; border-spacing: 0; font-size: .92rem; }
caption { text-align: left; padding: .2rem 0; font-size: .9rem; }
caption span { display: block; position: sticky; left: 0; max-width: min(75ch, 100vw - 2rem); }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
thead th { border-bottom: 2px solid var(--line); white-space: nowrap; }
tbody th, thead th:first-child { position: sticky; left: 0; background: var(--page); }
tbody th { font-weight: 500; }
table.figures tbody th { min-width: 8.5rem; }
table.figures td, table.figures thead th + th { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
table.classes { width: 100%; }
table.classes td { width: 38%; }
table.classes th .value { display: block; white-space: nowrap; }
.run, .difference { font-style: italic; }
.difference { padding-left: 1rem; }
.cards { display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .7rem; overflow-wrap: anywhere; }
.card img { display: block; width: 100%; height: 210px; object-fit: contain; border-radius: 4px; }
.no-picture { padding: 2.5rem 1rem; margin: 0; text-align: center; color: var(--quiet);
  border: 1px dashed var(--line); border-radius: 4px; font-size: .9rem; }
.name { display: flex; justify-content: space-between; gap: .5rem; font-size: .78rem;
  margin: .3rem 0; }
.name span:first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.score { white-space: nowrap; font-weight: 600; }
dl { margin: .4rem 0; }
dt { font-size: .78rem; color: var(--quiet); margin-top: .35rem; }
dt.ours { font-weight: 700; color: var(--ink); }
dd { margin: 0; }
.wrong { color: var(--wrong); text-decoration: underline wavy; text-decoration-thickness: 1px;
  text-underline-offset: 3px; }
.right { color: var(--right); }
.captions .right { font-weight: 600; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
.card details { font-size: .88rem; color: var(--quiet); }
.card details ul { margin: .2rem 0; padding-left: 1.1rem; }
summary { cursor: pointer; }
.more { margin: .8rem 0; }
.more > summary { color: var(--c0); padding: .3rem 0; }
.more > .cards { margin-top: .5rem; }
.concepts { list-style: none; padding: 0; margin: .6rem 0 0; font-size: .8rem; }
.concepts li { display: grid; grid-template-columns: 6.5rem 1fr 2.2rem; gap: .4rem;
  align-items: center; }
svg.bar { width: 100%; height: .6rem; border-radius: 3px; }
div.bar { display: grid; grid-template-columns: 1fr 2.4rem; gap: .4rem; align-items: center;
  font-size: .8rem; line-height: 1.2; }
.pair { display: grid; gap: 1rem; margin: 0 0 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); }
figure.chart { margin: 0; min-width: 0; }
svg.chart { display: block; width: calc(100% - 4.2rem); margin: 0 1.2rem 0 3rem;
  overflow: visible; }
svg.stretched { overflow: visible; }
svg.stretched * { vector-effect: non-scaling-stroke; }
text.tick { transform: translateX(-6px); }
svg text { fill: var(--quiet); font: 12px system-ui, sans-serif; }
.grid { stroke: var(--line); }
.legend { list-style: none; padding: 0; margin: .2rem 0; font-size: .85rem; display: grid;
  gap: .1rem 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }
.legend .value { margin-left: .5rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
.legend li { display: flex; align-items: baseline; }
.swatch { flex: none; width: 26px; height: 12px; margin-right: .4rem; }
rect.empty { fill: var(--empty); }
.fill-right { fill: var(--right); } .fill-other { fill: var(--c7); }
"""
_PRINT = """
@media print {
  body { max-width: none; padding: 0; font-size: 11pt; }
  nav { display: none; }
  .card, figure, tr { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
  .scroll { overflow: visible; }
  .cards { grid-template-columns: repeat(3, 1fr); }
}
"""


def style_sheet() -> str:
    """Returns the CSS."""
    series = "".join(
        f".line{i} {{ stroke: var(--c{i}); stroke-width: 2; fill: none; }} "
        f".fill{i} {{ fill: var(--c{i}); }}\n"
        for i in range(len(_PALETTE_LIGHT))
    )
    return (
        f":root {{ color-scheme: light dark; {_LIGHT} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}\n"
        f"{_RULES}{series}{_PRINT}"
    )
