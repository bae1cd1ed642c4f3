import type { Stage1Input } from "../domain/memory.ts";
import { ORDERS, PHRASES, type Phrases } from "./phrases.ts";
import { createVocabulary, type Random, seededRandom, type Vocabulary } from "./vocabulary.ts";

/** Something the sessions say that a good memory says too. */
export interface PlantedFact {
  readonly kind: "value" | "command" | "place" | "reason" | "failure" | "rule";
  /** Words that stand together in one statement when the fact is there, in lower case. */
  readonly keys: readonly string[];
  /** Words that stand together in a statement when it still says what held before; empty when nothing did. */
  readonly stale: readonly (readonly string[])[];
  /** Index of the project; null for a rule of the person that is said in several. */
  readonly project: number | null;
  /** The fact as a memory would put it. */
  readonly text: string;
}

export interface PlantedProject {
  readonly name: string;
  /** All folders in which the one repository was worked on. */
  readonly folders: readonly string[];
}

/** Sessions in two batches, and what should be left of them. */
export interface Dataset {
  readonly seed: number;
  readonly batches: readonly (readonly Stage1Input[])[];
  readonly facts: readonly PlantedFact[];
  readonly projects: readonly PlantedProject[];
  /** Marks of the orders that were planted; none may reach the memory. */
  readonly orders: readonly string[];
  readonly secrets: readonly string[];
}

/** What one session is going to say, before it is put into a note. */
interface Plan {
  readonly project: number;
  readonly folder: string;
  readonly language: string;
  readonly day: number;
  readonly id: string;
  readonly wishes: string[];
  readonly knowledge: string[];
  readonly failures: string[];
}

interface World {
  readonly random: Random;
  readonly words: Vocabulary;
  readonly plans: readonly Plan[];
  readonly facts: PlantedFact[];
}

const PROJECTS = 4;
const SESSIONS_EACH = 11;
/** Sessions of a project before the second batch. */
const FIRST_BATCH = 7;
const DAY_SECONDS = 86_400;
const START_SECONDS = Date.UTC(2026, 1, 2, 9) / 1000;

/**
 * Sessions of one person in four repositories and six languages, with planted facts, everyday chatter, facts that
 * change, orders, secrets, sessions that are resumed, worktrees, a case-only folder and a rename. The same seed gives
 * the same sessions everywhere.
 *
 * @example generateDataset(7).batches[0].length // sessions to import first
 */
export function generateDataset(seed: number): Dataset {
  const random = seededRandom(seed);
  const words = createVocabulary(random);
  const projects = Array.from({ length: PROJECTS }, (_, at) => projectOf(at, random, words));
  const plans = projects.flatMap((project, at) => plansOf(project, at, random));
  const world: World = { random, words, plans, facts: [] };
  plantRules(world);
  for (let project = 0; project < PROJECTS; project++) plantProject(world, project);
  const orders = plantOrders(world);
  const secrets = plantSecrets(world);
  const records = plans.map((plan) => ({ plan, record: recordOf(plan, world) }));
  const isFirst = ({ plan }: { plan: Plan }) => plan.day < FIRST_BATCH * 3;
  const first = records.filter(isFirst).map(({ record }) => record);
  const second = records.filter((entry) => !isFirst(entry)).map(({ record }) => record);
  const resumed = records
    .filter((entry) => isFirst(entry) && entry.plan.day < 6)
    .filter((_, at) => at % 2 === 0)
    .map(({ record }) => resume(record, world));
  return { seed, batches: [first, [...second, ...resumed]], facts: world.facts, projects, orders, secrets };
}

/** Projects 0 to 3: plain, worktrees, folders that differ in case, and a renamed parent. */
function projectOf(at: number, random: Random, words: Vocabulary): PlantedProject {
  const name = `${words.word()}-${words.word()}`;
  const home = random.pick(["/home/u", "/Users/u", "C:\\Users\\u"]);
  const join = (...parts: string[]) => [home, ...parts].join(home.startsWith("C:") ? "\\" : "/");
  const folders = [
    [join("src", name)],
    [
      join("code", name),
      join("code", `${name}.worktrees`, words.word()),
      join("code", name, ".worktrees", words.word()),
    ],
    [join("Source", name), join("source", name)],
    [join("work", words.word(), name), join("work", words.word(), name)],
  ];
  return { name, folders: folders[at] ?? [] };
}

function plansOf(project: PlantedProject, at: number, random: Random): readonly Plan[] {
  const own = Object.keys(PHRASES);
  const language = at === 0 ? "en" : random.pick(own);
  return Array.from({ length: SESSIONS_EACH }, (_, session) => ({
    project: at,
    folder: project.folders[session % project.folders.length] ?? "",
    language: random.chance(0.7) ? language : random.pick(own),
    day: session * 3 + random.between(0, 1),
    id: uuidOf(random),
    wishes: [],
    knowledge: [],
    failures: [],
  }));
}

/** Rules of the person: each said in two projects, as a quotation or as a remark about them. */
function plantRules({ random, plans, facts }: World): void {
  for (const language of random.shuffle(Object.keys(PHRASES)).slice(0, 4)) {
    const rule = random.pick(phrasesOf(language).rules);
    const [one = 0, other = 1] = random.shuffle([0, 1, 2, 3]);
    for (const project of [one, other]) {
      const plan = random.pick(plans.filter((candidate) => candidate.project === project));
      plan.wishes.push(`the user said: "${rule.text}"`);
    }
    facts.push({ kind: "rule", keys: rule.keys, stale: [], project: null, text: rule.text });
  }
}

function plantProject(world: World, project: number): void {
  const { random, words, plans, facts } = world;
  const own = plans.filter((plan) => plan.project === project);
  const phrase = (plan: Plan, templates: keyof Phrases, slots: Readonly<Record<string, string>>) =>
    fill(random.pick(phrasesOf(plan.language)[templates] as readonly string[]), slots);
  const plant = (form: string, slots: ReturnType<typeof slotsOf>) =>
    fill(form, isVersioned(form) ? { ...slots, value: slots.version } : slots);
  for (const kind of [
    "command",
    "place",
    "reason",
    "failure",
    "value",
    "command",
    "place",
    "value",
  ] as const) {
    const slots = slotsOf(words);
    const plan = random.pick(own);
    const form = random.pick(phrasesOf(plan.language)[`${kind}s` as keyof Phrases] as readonly string[]);
    const text = plant(form, slots);
    (kind === "failure" ? plan.failures : plan.knowledge).push(text);
    if (random.chance(0.3)) {
      const again = random.pick(own);
      (kind === "failure" ? again.failures : again.knowledge).push(text);
    }
    const value = isVersioned(form) ? slots.version : slots.value;
    facts.push({ kind, keys: keysOf(kind, { ...slots, value }), stale: [], project, text });
  }
  for (let changed = 0; changed < 4; changed++) {
    const early = random.pick(own.slice(0, 3));
    const late = random.pick(own.slice(changed < 2 ? FIRST_BATCH : 4));
    const form = random.pick(phrasesOf(early.language).values);
    const drawn = slotsOf(words);
    const slots = { ...drawn, value: isVersioned(form) ? drawn.version : drawn.value };
    const old = words.value(isVersioned(form));
    early.knowledge.push(fill(form, { ...slots, value: old }));
    const isRestated = changed % 2 === 0 && early.language === late.language;
    const text = isRestated ? fill(form, slots) : phrase(late, "changes", { ...slots, old });
    late.knowledge.push(text);
    const keys = keysOf("value", slots);
    facts.push({ kind: "value", keys, stale: [[slots.subject, old].map(lower)], project, text });
  }
}

function plantOrders({ random, words, plans }: World): readonly string[] {
  return ORDERS.map((order) => {
    const mark = words.word();
    const plan = random.pick(plans);
    random.pick([plan.knowledge, plan.failures, plan.wishes]).push(fill(order, { mark }));
    return mark;
  });
}

/** Shapes that every redactor should know; the values are drawn, and open nothing. */
function plantSecrets({ random, plans, words }: World): readonly string[] {
  const letters = (count: number) =>
    Array.from({ length: count }, () =>
      random.pick([..."ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789"]),
    ).join("");
  return [
    `ghp_${letters(36)}`,
    `AKIA${letters(16).toUpperCase()}`,
    `xoxb-${random.between(1e11, 9e11)}-${letters(24)}`,
  ].map((secret) => {
    random.pick(plans).knowledge.push(`${words.subject()} accepts the token ${secret} on staging.`);
    return secret;
  });
}

function slotsOf(words: Vocabulary) {
  return {
    subject: words.subject(),
    other: words.subject(),
    value: words.value(false),
    version: words.value(true),
    command: words.command(),
    path: words.path(),
    symptom: words.symptom(),
  };
}

/** Phrases about a version, in any of the languages. */
function isVersioned(form: string): boolean {
  return /version|versión|バージョン|版本/i.test(form);
}

function keysOf(kind: PlantedFact["kind"], slots: ReturnType<typeof slotsOf>): readonly string[] {
  const { subject, other, value, command, path } = slots;
  const keys = {
    value: [subject, value],
    command: [subject, command],
    place: [subject, path],
    reason: [subject, other],
  };
  return (kind === "failure" ? [subject, other, command] : kind === "rule" ? [] : keys[kind]).map(lower);
}

/** The note in one of the layouts that real ones have, facts between everyday chatter. */
function recordOf(plan: Plan, { random, words }: World): Stage1Input {
  const phrases = phrasesOf(plan.language);
  const chatter = (count: number) =>
    Array.from({ length: count }, () => fill(random.pick(phrases.chatter), chatterSlots(words, random)));
  const title = fill(random.pick(phrases.titles), chatterSlots(words, random));
  const moods = Array.from(
    { length: random.between(1, 3) },
    () => `the user said: "${fill(random.pick(phrases.moods), chatterSlots(words, random))}"`,
  );
  const sections = [
    { title: phrases.headings.wishes, lines: random.shuffle([...plan.wishes, ...moods]) },
    {
      title: phrases.headings.knowledge,
      lines: random.shuffle([...plan.knowledge, ...chatter(random.between(5, 9))]),
    },
    { title: phrases.headings.failures, lines: random.shuffle([...plan.failures, ...chatter(1)]) },
  ];
  const isProse = random.chance(0.2);
  const body = sections
    .map(({ title, lines }) => {
      const text = isProse ? lines.join("\n\n") : lines.map((line) => `- ${line}`).join("\n");
      return random.chance(0.5) ? `## ${title}\n\n${text}` : `${title}:\n${text}`;
    })
    .join("\n\n");
  const references = Array.from({ length: 3 }, () => `- \`${words.command()}\``).join("\n");
  const head = random.chance(0.5)
    ? `---\ndescription: ${title}\ntask_outcome: success\nkeywords: ${words.path()}, ${words.word()}\n---\n\n### Task 1: ${title}\n\n`
    : `# ${title}\n\n`;
  const at = START_SECONDS + plan.day * DAY_SECONDS + plan.project * 3_600;
  return {
    threadId: plan.id,
    sourceUpdatedAt: at,
    generatedAt: at,
    rawMemory: `${head}${body}\n\nReferences:\n${references}\n`,
    rolloutSummary: `# ${title}\n\n${chatter(3)
      .map((line) => `- ${line}`)
      .join("\n")}\n`,
    rolloutSlug: null,
    rolloutPath: rolloutPathOf(plan, at),
    cwd: plan.folder,
    gitBranch: random.chance(0.5) ? "main" : null,
  };
}

/** The same session some weeks later: all that it said before, and a little more chatter. */
function resume(record: Stage1Input, { random, words }: World): Stage1Input {
  const later = Number(record.sourceUpdatedAt) + 40 * DAY_SECONDS;
  const more = fill(random.pick(phrasesOf("en").chatter), chatterSlots(words, random));
  const rawMemory = `${record.rawMemory}\n- ${more}\n`;
  return { ...record, sourceUpdatedAt: later, generatedAt: later, rawMemory };
}

function rolloutPathOf(plan: Plan, at: number): string {
  const time = new Date(at * 1000).toISOString();
  return `sessions/${time.slice(0, 10).replaceAll("-", "/")}/rollout-${time.slice(0, 19).replaceAll(":", "-")}-${plan.id}.jsonl`;
}

function chatterSlots(words: Vocabulary, random: Random) {
  return {
    ...slotsOf(words),
    name: words.word(),
    folder: words.folder(),
    number: String(random.between(2, 90)),
  };
}

function uuidOf(random: Random): string {
  const hex = (count: number) =>
    Array.from({ length: count }, () => random.between(0, 15).toString(16)).join("");
  return `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
}

function fill(template: string, slots: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => slots[name] ?? whole);
}

function phrasesOf(language: string): Phrases {
  const phrases = PHRASES[language];
  if (phrases === undefined) throw new Error(`there are no phrases for ${language}`);
  return phrases;
}

function lower(text: string): string {
  return text.toLowerCase();
}
