import type { Part } from "./session.ts";
import type { Thread } from "./thread.ts";
import { keywordsFrom, stemOf, wordsOf } from "./words.ts";

/** What sessions of one project did on one subject. */
export interface Task {
  /** Counts from 1 in the order the subjects came up, so that a new session changes no other task's number. */
  readonly number: number;
  readonly title: string;
  readonly keywords: readonly string[];
  readonly parts: readonly Part[];
  /** Oldest first. */
  readonly threads: readonly Thread[];
}

/** Shared weight from which a session joins a subject. */
const JOIN_FROM = 0.22;
const MOST_KEYWORDS = 6;

interface Cluster {
  readonly leader: ReadonlyMap<string, number>;
  readonly weight: number;
  readonly parts: Part[];
}

/**
 * Groups the parts of one project, oldest first, by subject. Words weigh by how rare they were in the sessions before,
 * so that what comes later never regroups what came earlier.
 */
export function tasksOf(parts: readonly Part[]): readonly Task[] {
  const seen = new Map<string, number>();
  const clusters: Cluster[] = [];
  const found = new Map<string, Cluster[]>();
  const byFamily = new Map<string, Cluster>();
  parts.forEach((part, at) => {
    const features = featuresOf(part);
    const weights = new Map(
      [...features].map((word) => [word, Math.log(1 + (at + 1) / ((seen.get(word) ?? 0) + 1))]),
    );
    for (const word of features) seen.set(word, (seen.get(word) ?? 0) + 1);
    const family = familyOf(part);
    const home = (family === null ? null : byFamily.get(family)) ?? closest(weights, found);
    if (home !== null) {
      home.parts.push(part);
      return;
    }
    const cluster = { leader: weights, weight: sum(weights.values()), parts: [part] };
    clusters.push(cluster);
    if (family !== null) byFamily.set(family, cluster);
    for (const word of features) found.set(word, [...(found.get(word) ?? []).slice(-60), cluster]);
  });
  return clusters.map(taskOf);
}

/** The subject a note gives itself, unless that is only the name of the folder. */
function familyOf({ family, thread }: Part): string | null {
  if (family === null) return null;
  const name = family.toLowerCase();
  return thread.cwd.toLowerCase().split(/[/\\]/).includes(name) ? null : name;
}

function featuresOf(part: Part): ReadonlySet<string> {
  const title = part.title.quality >= 1 ? wordsOf(part.title.text).map((word) => word.stem) : [];
  const named = part.keywords.map((keyword) => stemOf((keyword.split("/").at(-1) ?? keyword).toLowerCase()));
  return new Set([...title, ...named]);
}

function closest(
  weights: ReadonlyMap<string, number>,
  found: ReadonlyMap<string, readonly Cluster[]>,
): Cluster | null {
  const own = sum(weights.values());
  const shared = new Map<Cluster, number>();
  for (const [word, weight] of weights)
    for (const cluster of found.get(word) ?? []) shared.set(cluster, (shared.get(cluster) ?? 0) + weight);
  let best: Cluster | null = null;
  let bestScore = JOIN_FROM;
  for (const [cluster, weight] of shared) {
    const score = weight / (own + cluster.weight - weight);
    if (score > bestScore) [best, bestScore] = [cluster, score];
  }
  return best;
}

/** Title and first keywords are those of the session that opened the subject. */
function taskOf({ parts }: Cluster, at: number): Task {
  const keywords = [...new Set(parts.flatMap((part) => part.keywords))].slice(0, MOST_KEYWORDS);
  const titled = parts.find((part) => part.title.quality >= 1);
  const [first] = parts;
  const folder = first?.thread.cwd.split(/[/\\]/).at(-1) ?? "";
  return {
    number: at + 1,
    title: sharedFamily(parts) ?? titled?.title.text ?? fallbackTitle(keywords, first?.title.text ?? ""),
    keywords: keywords.length > 0 ? keywords : keywordsFrom([folder, "session"], 1),
    parts,
    threads: [...new Set(parts.map((part) => part.thread))],
  };
}

function sharedFamily(parts: readonly Part[]): string | null {
  const [first] = parts;
  if (first === undefined || parts.length < 2 || familyOf(first) === null) return null;
  return parts.every((part) => familyOf(part) === familyOf(first)) ? first.family : null;
}

function fallbackTitle(keywords: readonly string[], title: string): string {
  const files = keywords.filter((word) => /[./_]|\p{Ll}\p{Lu}/u.test(word));
  const named = [...new Set(files.map((word) => word.split("/").at(-1) || word))].slice(0, 2);
  if (named.length > 0) return `Work on ${named.join(" and ")}`;
  if (keywords.length > 0) return `Work on ${keywords.slice(0, 3).join(", ")}`;
  return title.length >= 8 ? title : "Session without a stated subject";
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
