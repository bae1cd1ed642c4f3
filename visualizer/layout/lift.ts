import type { ChartTransition, Tone } from "../src/chart/chart.ts";
import type { StateWords } from "./describe.ts";

/** A line to draw between two boxes of one container. */
export interface Link {
  readonly id: string;
  /** Dotted path of the container whose children it joins. */
  readonly container: string;
  readonly from: string;
  readonly to: string;
  readonly tone: Tone;
  /** `next`: to the state written behind it; `on`: past some states; `back`: to an earlier one. */
  readonly way: "next" | "on" | "back";
  readonly label: string;
  readonly transitions: readonly string[];
}

/**
 * Which lines a drawing needs. A transition out of a nested state starts at the border of the box that stands
 * beside its target, and transitions between the same two boxes share a line.
 */
export function lift(root: StateWords, transitions: readonly ChartTransition[]): readonly Link[] {
  const links = new Map<string, Omit<Link, "way">>();
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

/** Forwards and backwards are meant among the states beside the failures, as they were written. */
function directed(root: StateWords, links: readonly Omit<Link, "way">[]): readonly Link[] {
  const siblings = (path: string, state: StateWords = root): readonly string[] =>
    state.path === path
      ? state.children.map((child) => child.path)
      : state.children.flatMap((child) => (isWithin(path, child.path) ? siblings(path, child) : []));
  return links.map((link) => {
    const all = siblings(link.container);
    const aside = downfall(all, links);
    const road = all.filter((path) => !aside.includes(path));
    const [from, to] = [road.indexOf(link.from), road.indexOf(link.to)];
    const way = to === from + 1 ? "next" : to > from ? "on" : "back";
    // What follows of itself is told by its place; only the unusual is written out.
    const label = way === "next" && !link.label.includes(".") ? "" : link.label;
    return { ...link, way, label };
  });
}

function toneOf(transition: ChartTransition, to: string): Tone {
  if (transition.event.startsWith("xstate.error.") || /^fail/.test(to.split(".").at(-1) ?? "")) return "bad";
  return transition.event.startsWith("xstate.done.") && transition.guard === null ? "good" : "plain";
}

function labelOf(transition: ChartTransition): string {
  if (!transition.event.startsWith("xstate.")) return transition.event;
  return transition.guard ?? "";
}

function joined(before: string, label: string): string {
  return before.split(" · ").includes(label) ? before : [before, label].filter(Boolean).join(" · ");
}
