import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Store } from "../../src/domain/ports.ts";
import { openPostgresStore } from "../../src/persistence/postgres/index.ts";
import { openSqliteStore } from "../../src/persistence/sqlite/index.ts";
import { commandLine } from "../cli/invoke.ts";
import { start } from "../cli/real-process.ts";
import { freshDatabase, sharedCluster } from "../postgres/run.ts";
import { type Moment, type Victims, victims } from "./victim.ts";

type Texts = Readonly<Record<string, string>>;

/** Two generations: files that change, one that comes, one that goes. */
const BEFORE: Texts = {
  "MEMORY.md": "# Task Group: shop\nscope: the shop\napplies_to: cwd=/srv/shop; reuse_rule=here\n",
  "memory_summary.md": "v1\n\nThe shop.\n",
  "rollout_summaries/a.md": "a\n",
  "skills/old/SKILL.md": "Gone soon.\n",
};
const AFTER: Texts = {
  "MEMORY.md": `${BEFORE["MEMORY.md"]}\n## Task 1: prices\n- Prices are in cents.\n`,
  "memory_summary.md": "v1\n\nThe shop, and its prices.\n",
  "rollout_summaries/a.md": "a\n",
  "rollout_summaries/b.md": "b\n",
};

const STORES: readonly (readonly [string, (folder: string) => Promise<Place>])[] = [
  [
    "SQLite",
    async (folder) => {
      const home = join(folder, "home");
      mkdirSync(home);
      const store = await openSqliteStore({ path: join(home, "slowwave.db") });
      return { store, flags: ["--home", home], drop: async () => {} };
    },
  ],
  [
    "PostgreSQL",
    async (folder) => {
      const database = await freshDatabase(await sharedCluster(15));
      const store = await openPostgresStore({ url: database.url });
      const flags = ["--home", join(folder, "home"), "--store", database.url];
      return { store, flags, drop: () => database.drop() };
    },
  ],
];

/** Killed side by side. */
const LANES = 2;

interface Place {
  readonly store: Store;
  /** Lead a command to the store. */
  readonly flags: readonly string[];
  drop(): Promise<void>;
}

let commands: Victims;
beforeAll(async () => {
  commands = await victims("test/long/command.child.ts");
});
afterAll(() => commands.clear());

describe.each(STORES)("`slowwave checkout --follow` on %s", (_, open) => {
  let folder = "";
  let place: Place;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "slowwave-checkout-kills-"));
    place = await open(folder);
    await publish(place.store, "g1", null, BEFORE);
    // Begun by every test as a folder that holds the first generation.
    expect((await checkOut(join(folder, "first"))).value).toMatchObject({ outcome: "brought" });
    await publish(place.store, "g2", "g1", AFTER);
  });
  afterAll(async () => {
    await place.store.close();
    await place.drop();
    rmSync(folder, { recursive: true, force: true });
  });
  const checkOut = (to: string) => commandLine({}, folder).json("checkout", "--to", to, ...place.flags);

  test("killed with -9 before any change it makes, and in the middle of one, leaves whole files, and the next one goes on", async () => {
    const die = (to: string, how: readonly string[], moment: Moment) =>
      commands.die(to, ["checkout", ...how, "--to", to, ...place.flags], moment);
    const copy = (name: string) => {
      const to = join(folder, name);
      cpSync(join(folder, "first"), to, { recursive: true });
      return to;
    };
    for (const beginning of ["behind", "new"] as const) {
      const calm = beginning === "behind" ? copy("calm") : join(folder, "calm-new");
      const { code, steps } = await die(calm, [], null);
      expect([code, textsOf(calm)]).toEqual([0, { files: AFTER, temporary: [] }]);
      const moments = momentsOf(steps);
      expect(moments.length).toBeGreaterThan(10);
      const killedAt = async (moment: NonNullable<Moment>, at: number) => {
        const to = beginning === "behind" ? copy(`at-${at}`) : join(folder, `new-${at}`);
        expect(await die(to, ["--follow"], moment), JSON.stringify(moment)).toMatchObject({ killed: true });
        expectWhole(to);
        const { code: ended, value } = await checkOut(to);
        expect({ moment, code: ended, value }).toMatchObject({
          code: 0,
          value: {
            outcome: expect.stringMatching(/^(brought|current)$/),
            generation: "g2",
            edited: null,
            foreign: [],
          },
        });
        expect({ moment, ...textsOf(to) }).toEqual({ moment, files: AFTER, temporary: [] });
        rmSync(to, { recursive: true });
      };
      const lanes = Array.from({ length: LANES }, async (_, lane) => {
        for (const [at, moment] of moments.entries()) if (at % LANES === lane) await killedAt(moment, at);
      });
      await Promise.all(lanes);
      console.log(`${moments.length} kills of a checkout that was ${beginning}`);
    }
    expect((await place.store.generations.list("global", 9)).map(({ id }) => id)).toEqual(["g2", "g1"]);
  });

  test("after it was killed while it followed, the next one brings what was published meanwhile, and ends by a signal", async () => {
    const to = join(folder, "followed");
    const follow = () => start(["checkout", "--follow", "--json", "--to", to, ...place.flags]);
    const first = follow();
    await printed(first, '"outcome":"brought"');
    first.process.kill("SIGKILL");
    expect((await first.ended).signal).toBe("SIGKILL");
    await publish(place.store, "g3", "g2", BEFORE);
    const next = follow();
    await printed(next, '"generation":"g3"');
    expect(textsOf(to)).toEqual({ files: BEFORE, temporary: [] });
    next.process.kill("SIGTERM");
    const { code, stdout } = await next.ended;
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect([code, lines.map(({ outcome, edited }) => [outcome, edited])]).toEqual([143, [["brought", null]]]);
  });
});

/** Until its stdout has this text. */
function printed({ process, ended }: ReturnType<typeof start>, text: string): Promise<void> {
  const found = new Promise<void>((resolve) => {
    let all = "";
    process.stdout?.on("data", (part) => {
      all += String(part);
      if (all.includes(text)) resolve();
    });
  });
  const over = ended.then(({ stdout, stderr }) => {
    if (!stdout.includes(text)) throw new Error(`It ended without ${text}: ${stderr}`);
  });
  return Promise.race([found, over]);
}

async function publish(store: Store, id: string, parent: string | null, texts: Texts): Promise<void> {
  const entries = Object.entries(texts);
  const manifest = entries
    .map(([path, text]) => ({ path, hash: hashOf(text), bytes: Buffer.byteLength(text) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const blobs = new Map(entries.map(([, text]) => [hashOf(text), Buffer.from(text)]));
  const createdAtMs = Number(id.slice(1));
  const generation = {
    id,
    space: "global",
    parent,
    run: `run-${id}`,
    kind: "published",
    createdAtMs,
  } as const;
  const request = { lease: null, generation, manifest, blobs, journal: null, nowMs: createdAtMs };
  expect(await store.generations.commit(request)).toBe("applied");
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Each change that was made, and each write a second time with half of its bytes. */
function momentsOf(steps: readonly string[]): readonly NonNullable<Moment>[] {
  const seen = new Map<string, number>();
  return steps.flatMap((step) => {
    const after = seen.get(step) ?? 0;
    seen.set(step, after + 1);
    const names = step.startsWith("write ") ? [step, `half ${step}`] : [step];
    return names.map((name) => ({ step: name, after }));
  });
}

/** The folder's files without its mark; and what is no file of a memory. */
function textsOf(root: string): { readonly files: Texts; readonly temporary: readonly string[] } {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = entries.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  const isOwn = (path: string) => /(^|\/)\.slowwave/.test(path);
  return {
    files: Object.fromEntries(
      paths.filter((path) => !isOwn(path)).map((path) => [path, readFileSync(join(root, path), "utf8")]),
    ),
    temporary: paths.filter((path) => isOwn(path) && path !== ".slowwave"),
  };
}

/** Every file that has a name is one of the two generations', to the last byte; its mark can be read. */
function expectWhole(to: string): void {
  if (!existsSync(to)) return;
  const wrong = Object.entries(textsOf(to).files).filter(
    ([path, text]) => text !== BEFORE[path] && text !== AFTER[path],
  );
  expect(wrong).toEqual([]);
  const names = readdirSync(to);
  if (names.includes(".slowwave")) JSON.parse(readFileSync(join(to, ".slowwave"), "utf8"));
}
