import { createHash } from "node:crypto";
import type { AnyStateMachine } from "xstate";
import { causeOf } from "../domain/failure.ts";
import type { ActorRow, RunRecord } from "../domain/run.ts";
import type { DurableOptions } from "./options.ts";
import type { PersistedMachine } from "./persisted-machine.ts";
import { isMachine, type PreparedMachine } from "./prepared-machine.ts";

/** One of an engine's machines, as its runs name it. */
export interface VersionedMachine {
  readonly machine: AnyStateMachine;
  readonly version: string;
  readonly hash: string;
}

export function versionsOf(
  options: Pick<DurableOptions, "machine" | "machines" | "version">,
): readonly VersionedMachine[] {
  const machines = [...(options.machine === undefined ? [] : [options.machine]), ...(options.machines ?? [])];
  return machines.map((machine) => ({
    machine,
    version: machine.version ?? options.version ?? "1",
    hash: structureHash(machine),
  }));
}

/** The machine that goes on with a run, and the state it goes on from; or why there is none. */
export type Successor =
  | { readonly kind: "machine"; readonly of: VersionedMachine; readonly snapshot: string }
  | { readonly kind: "none"; readonly why: string };

/** A run of these machines' names, by version first; then by what `migrate` makes of it. */
export function successorOf(
  record: RunRecord,
  machines: readonly VersionedMachine[],
  engine: {
    prepare(machine: AnyStateMachine): PreparedMachine;
    /** Whether the host gives this actor, whatever the machine says. */
    isGiven(src: string): boolean;
    parse(text: string): unknown;
    stringify(value: unknown): string;
    readonly migrate: DurableOptions["migrate"];
  },
): Successor {
  const named = machines.filter(({ machine }) => machine.id === record.machine);
  const own = named.find(({ version }) => version === record.version);
  const { machine, version, hash } = record;
  if (own !== undefined) {
    const why = own.hash === hash ? null : missingIn(own.machine, record, engine);
    if (why === null) return { kind: "machine", of: own, snapshot: record.snapshot };
    if (engine.migrate === undefined) return { kind: "none", why: `${made(record)}, and ${why}` };
  }
  const [newest] = named;
  if (newest === undefined || engine.migrate === undefined) {
    return { kind: "none", why: `${made(record)}, this is ${named.map(shown).join(", ")}` };
  }
  try {
    const migrated = engine.migrate(engine.parse(record.snapshot), { machine, version, hash });
    return { kind: "machine", of: newest, snapshot: engine.stringify(migrated) };
  } catch (error) {
    return { kind: "none", why: `${made(record)}, and cannot be migrated: ${causeOf(error)}` };
  }
}

function made({ machine, version, hash }: RunRecord): string {
  return `made by ${machine} version ${version} (${hash})`;
}

function shown({ version, hash }: VersionedMachine): string {
  return `version ${version} (${hash})`;
}

/** What a snapshot names and the machine has not; null when it can go on. */
function missingIn(
  machine: AnyStateMachine,
  record: RunRecord,
  { prepare, parse, isGiven }: Pick<Parameters<typeof successorOf>[2], "prepare" | "parse" | "isGiven">,
): string | null {
  const prepared = prepare(machine);
  if (prepared.hasInline) return "actors without a name cannot be told apart in another structure";
  try {
    const { value, children } = parse(record.snapshot) as PersistedMachine;
    machine.resolveState({ value, context: {} } as never);
    for (const [id, { src }] of Object.entries(children ?? {})) {
      if (prepared.logics[src] === undefined && !isGiven(src))
        return `its actor "${id}" (${src}) is no longer there`;
    }
    return null;
  } catch (error) {
    return causeOf(error);
  }
}

/** The same for child machines, whose states are rows of their own. */
export function missingInActors(
  root: AnyStateMachine,
  rows: readonly ActorRow[],
  parse: (text: string) => unknown,
): string | null {
  const machines = new Map<string, AnyStateMachine>([["", root]]);
  for (const { key, snapshot } of [...rows].sort((a, b) => a.key.length - b.key.length)) {
    const parent = machines.get(key.includes("/") ? key.slice(0, key.lastIndexOf("/")) : "");
    const { src, state } = parse(snapshot) as { src: string; state: PersistedMachine };
    const logic = parent?.implementations.actors[src] as object | undefined;
    if (logic === undefined || !isMachine(logic)) continue;
    machines.set(key, logic);
    try {
      logic.resolveState({ value: state.value, context: {} } as never);
    } catch (error) {
      return `its actor "${key}": ${causeOf(error)}`;
    }
  }
  return null;
}

/**
 * What a stored snapshot depends on: states, transitions, names of actors, actions, guards and delays.
 * Descriptions and the bodies of functions are left out, so that rewording parks nobody's run.
 */
export function structureHash(machine: AnyStateMachine): string {
  const text = JSON.stringify(machine.config, (key, value: unknown) => {
    if (key === "description" || key === "meta" || key === "tags") return undefined;
    if (typeof value !== "function") return value;
    return typeName(value);
  });
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** Built-in action creators carry their type; everything else is only "there is a function". */
function typeName(fn: unknown): string {
  const type = (fn as { type?: unknown }).type;
  return typeof type === "string" ? type : "(function)";
}
