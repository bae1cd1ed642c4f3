/**
 * A laid-out statechart, as the build writes it (`charts.json` beside the page): finished coordinates, so that
 * whoever draws it needs no layout engine.
 */
export interface Drawing {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** Containers before what they contain. */
  readonly states: readonly DrawnState[];
  readonly edges: readonly DrawnEdge[];
  readonly transitions: readonly { readonly source: string; readonly event: string }[];
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
interface DrawnState extends Box {
  readonly path: string;
  readonly key: string;
  readonly depth: number;
  readonly kind: "atomic" | "compound" | "parallel" | "final" | "root";
  readonly initial: boolean;
  readonly actor: string | null;
  readonly description: string;
}
interface DrawnEdge {
  readonly tone: "good" | "bad" | "plain";
  readonly points: readonly Point[];
  readonly label: (Box & { readonly text: string }) | null;
}
interface Point {
  readonly x: number;
  readonly y: number;
}

/** The drawing of the page, without a run in it, as one SVG that follows the reader's light or dark. */
export function svg({ id, width, height, states, edges, transitions }: Drawing): string {
  const isContainer = ({ kind }: DrawnState) => kind === "compound" || kind === "parallel";
  const root = states.find(({ kind }) => kind === "root");
  const anywhere = transitions.filter(({ source }) => source === root?.path).map(({ event }) => event);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(`Statechart of ${id}`)}</title>`,
    `<style>${STYLE}</style>`,
    `<defs>${tip("plain")}${tip("bad")}</defs>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    ...states.filter(isContainer).map(stateBox),
    ...(root === undefined ? [] : [inAnyState(root, anywhere)]),
    ...edges.map(edge),
    ...states.filter((state) => !isContainer(state) && state !== root).map(stateBox),
    "</svg>",
    "",
  ].join("\n");
}

function stateBox({
  x,
  y,
  width,
  height,
  kind,
  key,
  path,
  depth,
  actor,
  initial,
  description,
}: DrawnState): string {
  const isContainer = kind === "compound" || kind === "parallel";
  const side = isContainer ? `x="14"` : `x="${width / 2}" text-anchor="middle"`;
  const titleY = isContainer ? 25 : actor === null ? height / 2 + 5 : 24;
  const look = [
    kind,
    depth > 1 ? "inner" : "",
    /^fail/.test(path) ? "bad" : "",
    `is-${path.replace(/\W/g, "-")}`,
  ];
  return [
    `<g class="${look.filter(Boolean).join(" ")}" transform="translate(${x} ${y})">`,
    description === "" ? "" : `<title>${escaped(description)}</title>`,
    `<rect class="box" width="${width}" height="${height}" rx="${depth > 1 ? 8 : 10}"/>`,
    kind === "final"
      ? `<rect class="ring" x="3.5" y="3.5" width="${width - 7}" height="${height - 7}" rx="7"/>`
      : "",
    initial && depth === 1 ? `<path class="line" d="M-20 ${height / 2}H-4" marker-end="url(#plain)"/>` : "",
    `<text class="title" y="${titleY}" ${side}>${escaped(key)}</text>`,
    actor === null ? "" : `<text class="actor" y="42" ${side}>${escaped(actor)}</text>`,
    "</g>",
  ].join("");
}

const ROWS_TOP = 34;
const ROW = 22;

/** What may happen in any state: the transitions of the machine itself. */
function inAnyState({ x, y, width, height }: DrawnState, events: readonly string[]): string {
  const words = events.map(
    (event, at) =>
      `<g transform="translate(10 ${ROWS_TOP + at * ROW})"><rect class="word" width="${width - 20}" height="${ROW - 4}" rx="9"/>` +
      `<text class="label" x="${(width - 20) / 2}" y="13">${escaped(event)}</text></g>`,
  );
  return [
    `<g class="anywhere" transform="translate(${x} ${y})">`,
    `<rect class="box" width="${width}" height="${height}" rx="10"/><text class="title" x="14" y="22">in any state</text>`,
    ...words,
    "</g>",
  ].join("");
}

function edge({ tone, points, label }: DrawnEdge): string {
  const isBad = tone === "bad";
  const line = `<path class="line${isBad ? " bad" : ""}" d="${roundedPath(points)}" marker-end="url(#${isBad ? "bad" : "plain"})"/>`;
  if (label === null) return line;
  const { x, y, width, height, text } = label;
  return (
    `${line}<g transform="translate(${x} ${y})"><rect class="word" width="${width}" height="${height}" rx="10"/>` +
    `<text class="label" x="${width / 2}" y="${height / 2 + 3.8}">${escaped(text)}</text></g>`
  );
}

const RADIUS = 9;

/** An orthogonal line whose corners are cut short by a quadratic curve. */
function roundedPath(points: readonly Point[]): string {
  const steps = points.map((corner, at) => {
    const [before, after] = [points[at - 1], points[at + 1]];
    if (before === undefined) return `M${corner.x} ${corner.y}`;
    if (after === undefined) return `L${corner.x} ${corner.y}`;
    const cut = Math.min(RADIUS, far(before, corner) / 2, far(corner, after) / 2);
    return `L${towards(corner, before, cut)}Q${corner.x} ${corner.y} ${towards(corner, after, cut)}`;
  });
  return steps.join("");
}

function far(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function towards(from: Point, to: Point, by: number): string {
  const share = by / (far(from, to) || 1);
  const at = (a: number, b: number) => Math.round((a + (b - a) * share) * 10) / 10;
  return `${at(from.x, to.x)} ${at(from.y, to.y)}`;
}

function tip(name: string): string {
  return (
    `<marker id="${name}" class="tip ${name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" ` +
    'markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 .8L7.4 4L0 7.2z"/></marker>'
  );
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const DARK =
  "--bg:#0d0f13;--panel:#12151b;--raise:#1a1e27;--line:#262c38;--text:#9aa3b3;--faint:#848d9e;--stroke:#4a5364;--good:#4cc38a;--bad:#f58581;--pale:#5a3a3f";
const LIGHT =
  "--bg:#f6f7f9;--panel:#fff;--raise:#eff1f5;--line:#dde2ea;--text:#525d70;--faint:#636d7f;--stroke:#a3adbd;--good:#14794a;--bad:#c2322e;--pale:#e3b5b4";
const STYLE = [
  `svg{${LIGHT}}`,
  `@media(prefers-color-scheme:dark){svg{${DARK}}}`,
  ".ground{fill:var(--bg)}",
  ".box{fill:var(--panel);stroke:var(--line);stroke-width:1.25}",
  ".inner>.box{fill:var(--raise)}",
  ".anywhere>.box{stroke-dasharray:4 4}",
  ".ring{fill:none;stroke:var(--line)}",
  ".title{font:550 14.5px Inter,system-ui,sans-serif;fill:var(--text)}",
  ".inner>.title{font-size:13px}.anywhere>.title{font-size:12.5px}",
  ".is-succeeded>.title{fill:var(--good)}.final.bad>.title{fill:var(--bad)}",
  ".actor{font:11.5px ui-monospace,monospace;fill:var(--faint)}",
  ".line{fill:none;stroke:var(--stroke);stroke-width:1.25}.line.bad{stroke:var(--pale)}",
  ".tip path{fill:var(--stroke)}.tip.bad path{fill:var(--bad)}",
  ".word{fill:var(--bg);stroke:var(--line)}",
  ".label{font:11px ui-monospace,monospace;fill:var(--text);text-anchor:middle}",
].join("");
