import { setImmediate } from "node:timers/promises";
import { SlowwaveError } from "../domain/failure.ts";
import type { Manifest } from "../domain/generation.ts";
import type { Stage1Output } from "../domain/memory.ts";
import type { LeaseHolder } from "../domain/phase2.ts";
import type { Store } from "../domain/ports.ts";
import { contentHash } from "./blobs.ts";
import { rawMemories, summaryBody, summaryNames } from "./host-file-text.ts";

export const RAW_MEMORIES = "raw_memories.md";
export const SUMMARIES = "rollout_summaries";

/** A file of the memory whose content follows from the inputs of a run alone. */
export interface HostFile {
  readonly path: string;
  readonly hash: string;
  readonly content: Uint8Array;
}

/** Whether the host writes this file, so that nobody else's version of it counts. */
export function isHostPath(path: string): boolean {
  return path === RAW_MEMORIES || path.startsWith(`${SUMMARIES}/`);
}

/** One file in `rollout_summaries/` per input. */
export async function summaryFiles(
  outputs: readonly Stage1Output[],
  names = summaryNames(outputs),
): Promise<readonly HostFile[]> {
  const files: HostFile[] = [];
  const pause = createYield();
  for (const output of outputs) {
    files.push(await hostFile(`${SUMMARIES}/${names.get(output.threadId)}`, summaryBody(output)));
    await pause();
  }
  return files;
}

async function rawMemoriesFile(
  outputs: readonly Stage1Output[],
  names: ReadonlyMap<string, string>,
): Promise<HostFile> {
  const parts: Uint8Array[] = [];
  const pause = createYield();
  let bytes = 0;
  for (const part of rawMemories(outputs, names)) {
    const encoded = Buffer.from(part);
    bytes += encoded.length;
    if (bytes > RAW_MEMORIES_LIMIT) {
      throw new SlowwaveError(
        "inputs_too_large",
        `The inputs of this run fill more than ${RAW_MEMORIES_LIMIT / 1024 ** 2} MiB; take fewer with --limit.`,
      );
    }
    parts.push(encoded);
    await pause();
  }
  const content = Buffer.concat(parts);
  return { path: RAW_MEMORIES, hash: await contentHash(content), content };
}

/** One file, and read by agents: beyond this nobody could use it. */
const RAW_MEMORIES_LIMIT = 256 * 1024 ** 2;

/** All of them; what the host's part of a workspace must be, byte for byte. */
export async function hostFiles(outputs: readonly Stage1Output[]): Promise<readonly HostFile[]> {
  const names = summaryNames(outputs);
  return [await rawMemoriesFile(outputs, names), ...(await summaryFiles(outputs, names))];
}

/** What a run consolidates, and the host's files for it. */
export interface RenderedInputs {
  readonly inputs: readonly Stage1Output[];
  readonly files: readonly HostFile[];
}

/** By the holder of the run's lease: one per run and process. Weak, since thousands of runs may wait for their agents. */
const RENDERED = new WeakMap<LeaseHolder, WeakRef<RenderedInputs>>();

/**
 * The recorded inputs of the run with the host's files, rendered once: inputs never change after they are recorded. When
 * memory was needed for something else meanwhile, they are rendered again.
 */
export async function renderedInputs(
  { store, holder }: { readonly store: Pick<Store, "memories">; readonly holder: LeaseHolder },
  run: string,
): Promise<RenderedInputs> {
  const known = RENDERED.get(holder)?.deref();
  if (known !== undefined) return known;
  const inputs = await store.memories.inputsOf(run);
  const rendered = { inputs, files: await hostFiles(inputs) };
  RENDERED.set(holder, new WeakRef(rendered));
  return rendered;
}

async function hostFile(path: string, text: string): Promise<HostFile> {
  const content = Buffer.from(text);
  return { path, hash: await contentHash(content), content };
}

export function manifestOf(files: readonly HostFile[]): Manifest {
  return files
    .map(({ path, hash, content }) => ({ path, hash, bytes: content.length }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

const STEPS = 64;

/**
 * For long loops without I/O: every so many steps the event loop gets its turn, so that heartbeats and agents
 * are served meanwhile.
 */
export function createYield(): () => Promise<void> | void {
  let steps = 0;
  return () => {
    steps += 1;
    if (steps % STEPS === 0) return setImmediate();
  };
}
