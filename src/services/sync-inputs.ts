import { fromPromise } from "xstate";
import {
  changesBetween,
  type Finding,
  type Generation,
  isUnchanged,
  type Manifest,
} from "../domain/generation.ts";
import { completionWatermark, type MemoryStore, type SetAside } from "../domain/memory.ts";
import type {
  LeaseHolder,
  LoadAnswer,
  RawMemoriesAnswer,
  RunInput,
  SummariesAnswer,
} from "../domain/phase2.ts";
import { type Folder, removeTree } from "../files/folder.ts";
import { inspectRoot } from "../memory-files/check-root.ts";
import { lostOwnership, type RunDeps, requireLease } from "../memory-files/deps.ts";
import { isConsolidated } from "../memory-files/generation-names.ts";
import {
  type HostFile,
  isHostPath,
  manifestOf,
  RAW_MEMORIES,
  renderedInputs,
  summaryFiles,
} from "../memory-files/host-files.ts";
import { handEditsDiff } from "../memory-files/memory-edits.ts";
import { type ReconciledRoot, reconcileRoot } from "../memory-files/reconcile-root.ts";
import { withRootLock } from "../memory-files/root-lock.ts";
import { prepareWorkspace } from "../memory-files/staging.ts";
import { candidateIn, loadBase } from "../validation/candidate.ts";
import { inputInstructions } from "../validation/injection.ts";
import { CHECKS, inWorkspace, judge } from "../validation/verify-workspace.ts";

export interface LoadDeps {
  readonly memories: Pick<MemoryStore, "select" | "setAside" | "recordInputs" | "inputsOf">;
  readonly holder: Pick<LeaseHolder, "recordEvent">;
}

/** Findings of one run about rows that were left out; `slowwave doctor` names them all. */
const MOST_FINDINGS = 5;

/**
 * Fixes the inputs of the run: the newest outputs that are not blank (original, section 3, point S), recorded
 * under the run so that every later step, also after a crash, sees the same texts. Rows that can't be used are left
 * out with a finding each.
 */
export function loadMemories({ memories, holder }: LoadDeps) {
  return fromPromise<LoadAnswer, RunInput & { limit: number; watermark: number }>(async ({ input }) => {
    const { run, space, limit, watermark } = input;
    let outputs = await memories.inputsOf(run);
    if (outputs.length === 0) {
      outputs = await memories.select(space, limit);
      await memories.recordInputs(run, outputs);
      const setAside = await memories.setAside(space);
      for (const finding of findingsOf(setAside)) holder.recordEvent("gate.finding", finding);
    }
    return { inputs: outputs.length, completionWatermark: completionWatermark(watermark, outputs) };
  });
}

function findingsOf(setAside: readonly SetAside[]) {
  const finding = (message: string): Finding => ({
    code: "input_set_aside",
    severity: "warn",
    path: null,
    message,
    repair: null,
  });
  const named = setAside
    .slice(0, MOST_FINDINGS)
    .map(({ message }) =>
      finding(`A stored session was left out: ${message} \`slowwave doctor\` says how to remove it.`),
    );
  const more = setAside.length - named.length;
  return more > 0
    ? [...named, finding(`${more} more stored sessions were left out; \`slowwave doctor\` names them.`)]
    : named;
}

/**
 * Fixes the base of the run and lays its workspace anew. What a person left in the memory root since the last
 * generation becomes one itself, and the base; nothing in the root is changed but by an earlier publish that
 * still had to be brought to its end. May be repeated. Rejects with `failed_lost_ownership` or a `root_*` code.
 */
export function syncSummaries(deps: RunDeps) {
  return fromPromise<SummariesAnswer, RunInput>(async ({ input: { run, space }, signal }) => {
    const { store, places } = deps;
    const reconciled = await withRootLock(
      deps,
      space,
      () => reconcileRoot(deps, { run, space, root: places.root, lease: requireLease(deps.holder) }),
      signal,
    );
    if (reconciled === "lost") throw lostOwnership();
    await reportHome(deps);
    for (const finding of reconciled.findings) deps.holder.recordEvent("gate.finding", finding);
    if (reconciled.kept !== null) await reportEdits(deps, reconciled.kept, reconciled);
    const base: Manifest = reconciled.head?.manifest ?? [];
    const inputs = await store.memories.inputsOf(run);
    const summaries = await summaryFiles(inputs);
    const projects = await identitiesOf(store, new Set(inputs.map(({ cwd }) => cwd)));
    const handEdits =
      reconciled.head === null ? null : await handEditsDiff(store.generations, reconciled.head);
    await prepareWorkspace(deps, { base, summaries, handEdits, projects }, deps.worker);
    return { base: reconciled.head?.generation.id ?? null, workspace: deps.worker };
  });
}

/** What learning found out by git about the folders that sessions were in. */
async function identitiesOf(
  { projects }: Pick<RunDeps["store"], "projects">,
  folders: ReadonlySet<string>,
): Promise<Readonly<Record<string, string>>> {
  const known: Record<string, string> = {};
  if ((await projects.list()).length === 0) return known;
  for (const folder of [...folders].sort()) {
    const project = folder === "" ? null : await projects.ofPath(folder);
    if (project !== null) known[folder] = project.id;
  }
  return known;
}

async function reportHome({ homeNotice, holder }: RunDeps): Promise<void> {
  const message = (await homeNotice?.()) ?? null;
  if (message === null) return;
  const finding: Finding = { code: "home_copied", severity: "warn", path: null, message, repair: null };
  holder.recordEvent("gate.finding", finding);
}

/** A person's own changes are never a fault; that they were seen and kept is worth a line. */
async function reportEdits(
  { holder, store }: RunDeps,
  kept: Generation,
  { actual }: ReconciledRoot,
): Promise<void> {
  const before = kept.parent === null ? [] : ((await store.generations.manifest(kept.parent)) ?? []);
  const { added, modified, deleted } = changesBetween(before, actual);
  const count = added.length + modified.length + deleted.length;
  holder.recordEvent("gate.finding", {
    code: kept.kind === "adopted" ? "root_adopted" : "edited_by_hand",
    severity: "warn",
    path: null,
    message:
      kept.kind === "adopted"
        ? `The memory folder already held ${actual.length === 1 ? "one file; it was" : `${actual.length} files; they were`} taken over as generation ${kept.id}.`
        : `${count === 1 ? "One file of the memory folder was" : `${count} files of the memory folder were`} changed by hand; ${count === 1 ? "it was" : "they were"} kept as generation ${kept.id}.`,
    repair: null,
  });
}

/** What the original clears away when nothing is left to remember (section 4.4); here in staging only. */
const CLEARED = ["MEMORY.md", "memory_summary.md", "skills"];

/**
 * Rebuilds `raw_memories.md` in the workspace, clears the agent's files when the run has no input, and says
 * whether an agent has anything to do. May be repeated.
 */
export function syncRawMemories(deps: RunDeps) {
  return fromPromise<RawMemoriesAnswer, RunInput & { base: string | null }>(
    async ({ input: { run, space, base } }) => {
      const { inputs, files } = await renderedInputs(deps, run);
      return inWorkspace(deps.files, deps.places.workspace, async (workspace) => {
        await writeHostPart(workspace, files);
        if (inputs.length === 0) for (const name of CLEARED) await removeTree(workspace, name);
        const unchanged =
          inputs.length > 0 && (await isBaseStill(deps, { space, base, hosts: files, workspace }));
        return { unchanged };
      });
    },
  );
}

async function writeHostPart(workspace: Folder, files: readonly HostFile[]): Promise<void> {
  const raw = files.find(({ path }) => path === RAW_MEMORIES);
  if (raw !== undefined) {
    await workspace.remove(RAW_MEMORIES);
    await workspace.create(RAW_MEMORIES, raw.content);
  }
}

/** The inputs are those of the base, so what they hold has been told. */
const OF_THE_AGENT = CHECKS.filter((check) => check !== inputInstructions);

/**
 * Nothing to do for an agent: the host's files are those of the base, the base came from a run and not from a person's
 * hand, the root still holds it, and it would pass the gate today.
 */
async function isBaseStill(
  { store, files, places, homeId, gate }: RunDeps,
  now: {
    readonly space: string;
    readonly base: string | null;
    readonly hosts: readonly HostFile[];
    readonly workspace: Folder;
  },
): Promise<boolean> {
  const generation = now.base === null ? null : await store.generations.read(now.base);
  if (generation === null || !isConsolidated(generation)) return false;
  const base = (await store.generations.manifest(generation.id)) ?? [];
  const isSame = (manifest: Manifest) => isUnchanged(changesBetween(base, manifest));
  const hosts = base.filter(({ path }) => isHostPath(path));
  // The cheap comparison first: most runs have new inputs, and need no look at the disk.
  if (!isUnchanged(changesBetween(hosts, manifestOf(now.hosts)))) return false;
  const before = await loadBase(store.generations, generation.id);
  const candidate = await candidateIn(now.workspace, now.hosts, before);
  if (!isSame(candidate.manifest)) return false;
  const rules = { severities: gate ?? {}, repairsLeft: 0 };
  const { answer } = await judge(candidate, rules, OF_THE_AGENT);
  if (answer.verdict !== "passed") return false;
  if (places.root === null) return true;
  return inspectRoot(files, places.root, { home: homeId, space: now.space }, {}, async (found) =>
    isSame(found?.scan.manifest ?? []),
  );
}
