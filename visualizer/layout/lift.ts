import type { ChartTransition, Tone } from "../src/chart/chart.ts";
import type { StateWords } from "./describe.ts";

export type Door = "front" | "roof";

/** A line to draw between two boxes of one container. */
export interface Link {
  readonly id: string;
  /** Dotted path of the container whose children it joins. */
  readonly container: string;
  readonly from: string;
  readonly to: string;
  readonly tone: Tone;
  /** `next`: one step along the road; `on`: past some states, or off the road; `back`: to an earlier one. */
  readonly way: "next" | "on" | "back";
  /** Whether the line leaves and enters at the front, on the road's level, or over the roof. */
  readonly leaves: Door;
  readonly enters: Door;
  readonly label: string;
  readonly transitions: readonly string[];
}

/**
 * Which lines a drawing needs. A transition out of a nested state starts at the border of the box that stands
 * beside its target, and transitions between the same two boxes share a line.
 */
export function lift(root: StateWords, transitions: readonly ChartTransition[]): readonly Link[] {
  const links = new Map<string, Undirected>();
  for (const transition of transitions) {
    const place = transition.target === null ? null : between(root, transition.source, transition.target);
    if (place === null || place.from === place.to) continue;
    const id = `${place.from}>${place.to}`;
    const known = links.get(id);
    const tone = toneOf(transition, place.to);
    links.set(id, {
      ...place,
      id,
      tone: known === undefined || BRIGHTER.indexOf(tone) < BRIGHTER.indexOf(known.tone) ? tone : known.tone,
      label: joined(known?.label ?? "", labelOf(transition)),
      transitions: [...(known?.transitions ?? []), transition.id],
    });
  }
  return directed(root, [...links.values()]);
}

const BRIGHTER: readonly Tone[] = ["good", "plain", "bad"];

type Place = Pick<Link, "container" | "from" | "to">;

/** The innermost container in which a line has two different ends. */
function between(root: StateWords, source: string, target: string): Place | null {
  let container = root;
  for (;;) {
    const origin = container.children.find((child) => isWithin(source, child.path));
    const goal = container.children.find((child) => isWithin(target, child.path));
    if (goal === undefined) return null;
    if (origin !== goal || source === target) {
      return { container: container.path, from: origin?.path ?? container.path, to: goal.path };
    }
    container = goal;
  }
}

export function isWithin(path: string, box: string): boolean {
  return path === box || path.startsWith(`${box}.`);
}

/** States that are reached by failures alone; they get a row of their own. */
export function downfall(
  paths: readonly string[],
  links: readonly Pick<Link, "to" | "tone">[],
): readonly string[] {
  return paths.filter((path) => {
    const incoming = links.filter(({ to }) => to === path);
    return incoming.length > 0 && incoming.every(({ tone }) => tone === "bad");
  });
}

type Undirected = Omit<Link, "way" | "leaves" | "enters">;

function directed(root: StateWords, links: readonly Undirected[]): readonly Link[] {
  const containers = new Map<string, StateWords>();
  const collect = (state: StateWords) => {
    containers.set(state.path, state);
    for (const child of state.children) collect(child);
  };
  collect(root);
  return links.map((link) => {
    const children = containers.get(link.container)?.children ?? [];
    const own = links.filter(({ container }) => container === link.container);
    const road = roadOf(children, own);
    const at = (path: string) => children.findIndex((child) => child.path === path);
    const step = road.indexOf(link.from);
    const isNext = step !== -1 && road[step + 1] === link.to;
    const way = isNext ? "next" : at(link.to) > at(link.from) ? "on" : "back";
    const isFront = (path: string) => isNext || (way === "on" && !road.includes(path));
    return {
      ...link,
      way,
      leaves: isFront(link.from) ? "front" : "roof",
      enters: isFront(link.to) ? "front" : "roof",
      // What follows of itself is told by its place; only the unusual is written out.
      label: (isNext || isOnlyWay(link, own)) && !link.label.includes(".") ? "" : link.label,
    };
  });
}

/** The way through a container that passes most states, nested ones counted, without failures and returns. */
function roadOf(children: readonly StateWords[], links: readonly Undirected[]): readonly string[] {
  const aside = downfall(
    children.map(({ path }) => path),
    links,
  );
  const best = new Map<string, { readonly weight: number; readonly road: readonly string[] }>();
  for (const [at, child] of [...children.entries()].toReversed()) {
    const after = children
      .slice(at + 1)
      .filter(
        ({ path }) =>
          !aside.includes(path) && links.some((link) => link.from === child.path && link.to === path),
      )
      .map(({ path }) => best.get(path) ?? { weight: 0, road: [] })
      .toSorted((a, b) => b.weight - a.weight)[0];
    best.set(child.path, {
      weight: leaves(child) + (after?.weight ?? 0),
      road: [child.path, ...(after?.road ?? [])],
    });
  }
  const initial = children.find((child) => child.initial);
  return best.get(initial?.path ?? "")?.road ?? [];
}

function isOnlyWay({ from }: Undirected, links: readonly Undirected[]): boolean {
  return links.filter((link) => link.from === from && link.tone !== "bad").length === 1;
}

function leaves(state: StateWords): number {
  return state.children.length === 0 ? 1 : state.children.reduce((sum, child) => sum + leaves(child), 0);
}

function toneOf(transition: ChartTransition, to: string): Tone {
  if (transition.event.startsWith("xstate.error.") || /^fail/.test(to.split(".").at(-1) ?? "")) return "bad";
  return transition.event.startsWith("xstate.done.") && transition.guard === null ? "good" : "plain";
}

function labelOf(transition: ChartTransition): string {
  if (!transition.event.startsWith("xstate.")) return transition.event;
  return transition.guard ?? "";
}

const LONGEST_LABEL = 20;

/** Names of a shared line; beyond what is easily read, how many more there are. */
function joined(before: string, label: string): string {
  if (label === "" || before.split(" · ").includes(label)) return before;
  if (before === "") return label;
  const { head = before, more = "0" } = /^(?<head>.*) \+(?<more>\d+)$/.exec(before)?.groups ?? {};
  const isShort = more === "0" && before.length + label.length < LONGEST_LABEL;
  return isShort ? `${before} · ${label}` : `${head} +${Number(more) + 1}`;
}
