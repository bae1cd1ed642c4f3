import { keywordsFrom } from "./keywords.ts";
import type { Part } from "./session.ts";
import { compare, latestFirst, type Thread } from "./thread.ts";
import { stemOf, wordsOf } from "./words.ts";

/** Sessions of one project on one subject. Freshest first. */
export interface Task {
  readonly title: string;
  readonly keywords: readonly string[];
  readonly parts: readonly Part[];
  readonly threads: readonly Thread[];
}

/** Shared weight from which a session joins a subject. */
const joinFrom = 0.22;
const mostThreads = 12;
const mostTasks = 60;

interface Cluster {
  readonly leader: ReadonlyMap<string, number>;
  readonly family: string | null;
  readonly parts: Part[];
}

/** Groups the parts of one project by subject, oldest first, so that a new session never regroups old ones by order. */
export function tasksOf(parts: readonly Part[]): readonly Task[] {
  const inTime = [...parts].sort(
    (a, b) => latestFirst(b.thread, a.thread) || compare(a.title.text, b.title.text),
  );
  const features = inTime.map(featuresOf);
  const spread = new Map<string, number>();
  for (const words of features) for (const word of words) spread.set(word, (spread.get(word) ?? 0) + 1);
  const weigh = (word: string) => Math.log(1 + inTime.length / (spread.get(word) ?? 1));
  const clusters: Cluster[] = [];
  const found = new Map<string, number[]>();
  const families = sharedFamilies(parts);
  inTime.forEach((part, at) => {
    const weights = new Map([...(features[at] ?? [])].map((word) => [word, weigh(word)] as const));
    const family =
      part.family !== null && families.has(part.family.toLowerCase()) ? part.family.toLowerCase() : null;
    const kin =
      family === null
        ? undefined
        : clusters.find((cluster) => cluster.family === family && cluster.parts.length < mostThreads);
    const home = kin ?? closest(weights, clusters, found);
    if (home !== null) home.parts.push(part);
    else {
      const place = clusters.push({ leader: weights, family, parts: [part] }) - 1;
      for (const word of weights.keys())
        if ((spread.get(word) ?? 0) <= 200) found.set(word, [...(found.get(word) ?? []), place]);
    }
  });
  return folded(clusters.map(taskOf)).sort(byFreshness);
}

/** Names of subjects that sessions give themselves, in lower case: those that tell some sessions of a project from others. */
function sharedFamilies(parts: readonly Part[]): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const { family } of parts)
    if (family !== null) counts.set(family.toLowerCase(), (counts.get(family.toLowerCase()) ?? 0) + 1);
  const folders = new Set((parts[0]?.thread.cwd ?? "").toLowerCase().split(/[/\\]/));
  const isTelling = ([family, count]: readonly [string, number]) =>
    count > 1 && !folders.has(family) && (parts.length <= 8 || count <= parts.length / 2);
  return new Set([...counts].filter(isTelling).map(([family]) => family));
}

function featuresOf(part: Part): ReadonlySet<string> {
  const title = part.title.quality >= 1 ? wordsOf(part.title.text).map((word) => word.stem) : [];
  const named = part.keywords.flatMap((keyword) => {
    const last = keyword.split("/").at(-1) ?? keyword;
    return [stemOf(last.toLowerCase())];
  });
  return new Set([...title, ...named]);
}

function closest(
  weights: ReadonlyMap<string, number>,
  clusters: readonly Cluster[],
  found: ReadonlyMap<string, readonly number[]>,
) {
  const shared = new Map<number, number>();
  let own = 0;
  for (const [word, weight] of weights) {
    own += weight;
    for (const place of found.get(word) ?? []) shared.set(place, (shared.get(place) ?? 0) + weight);
  }
  let best: Cluster | null = null;
  let bestScore = joinFrom;
  for (const [place, weight] of shared) {
    const cluster = clusters[place];
    if (cluster === undefined || cluster.parts.length >= mostThreads) continue;
    const theirs = [...cluster.leader.values()].reduce((sum, value) => sum + value, 0);
    const score = weight / (own + theirs - weight);
    if (score > bestScore) [best, bestScore] = [cluster, score];
  }
  return best;
}

function taskOf({ parts, family }: Cluster): Task {
  const latest = [...parts].reverse();
  const best = latest.reduce((a, b) => (b.title.quality > a.title.quality + 0.3 ? b : a));
  const counts = new Map<string, number>();
  for (const part of latest) for (const word of part.keywords) counts.set(word, (counts.get(word) ?? 0) + 1);
  const keywords = [...counts].sort((a, b) => b[1] - a[1]).map(([word]) => word);
  const kin =
    family === null || parts.length < 2
      ? null
      : (parts.find((part) => part.family?.toLowerCase() === family)?.family ?? null);
  return {
    title: kin ?? (best.title.quality >= 1 ? best.title.text : fallbackTitle(keywords, best.title.text)),
    keywords:
      keywords.length > 0
        ? keywords.slice(0, 10)
        : keywordsFrom([parts[0]?.thread.cwd.split(/[/\\]/).at(-1) ?? "", "session"], 1),
    parts,
    threads: distinct(latest.map((part) => part.thread)),
  };
}

function fallbackTitle(keywords: readonly string[], said: string): string {
  const named = keywords.filter((word) => /[./_]|\p{Ll}\p{Lu}/u.test(word)).slice(0, 2);
  if (named.length > 0) return `Work on ${named.join(" and ")}`;
  if (keywords.length > 0) return `Work on ${keywords.slice(0, 3).join(", ")}`;
  return said.length >= 8 ? said : "Session without a stated subject";
}

/** Sessions that left neither a subject nor a statement share one task, as do the oldest beyond `mostTasks`. */
function folded(tasks: readonly Task[]): Task[] {
  const ranked = [...tasks].sort(byFreshness);
  const isBare = (task: Task) =>
    task.parts.every((part) => part.statements.length === 0 && part.title.quality < 1);
  const bare = ranked.filter(isBare);
  const told = ranked.filter((task) => !isBare(task));
  const rest = [...(bare.length > 1 ? bare : []), ...told.slice(mostTasks)];
  const kept = [...told.slice(0, mostTasks), ...(bare.length > 1 ? [] : bare)];
  if (rest.length === 0) return kept;
  const parts = rest.flatMap((task) => task.parts);
  const threads = distinct(
    [...parts].sort((a, b) => latestFirst(a.thread, b.thread)).map((part) => part.thread),
  );
  const keywords = [...new Set(rest.flatMap((task) => task.keywords.slice(0, 3)))].slice(0, 12);
  return [...kept, { title: "Other sessions", keywords, parts, threads }];
}

function distinct(threads: readonly Thread[]): readonly Thread[] {
  return [...new Set(threads)];
}

function byFreshness(a: Task, b: Task): number {
  const [x, y] = [a.threads[0], b.threads[0]];
  if (a.title === "Other sessions" || b.title === "Other sessions")
    return Number(a.title === "Other sessions") - Number(b.title === "Other sessions");
  return x === undefined || y === undefined ? 0 : latestFirst(x, y) || compare(a.title, b.title);
}
