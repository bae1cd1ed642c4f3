import { describe, expect, test } from "vitest";
import { readHandbook } from "../../src/extractive/handbook.ts";
import { consolidated, note, statements } from "./sessions.ts";

describe("the handbook", () => {
  test("is written in the task-grouped form, every statement with its task and every task with its sessions", () => {
    const { memory } = consolidated({
      id: "aa01",
      day: 1,
      memory: note({
        head: "---\ndescription: Make the nightly import survive a full disk\nkeywords: import, ENOSPC, disk quota\n---\n\n",
        preferences: ["the user wants small commits with one reason each"],
        knowledge: ["The importer writes to `/var/spool/import` before it commits."],
        failures: [
          "The import failed with ENOSPC because the spool was never emptied; fix: empty it on start.",
        ],
      }),
    });
    expect(memory).toBe(`# Task Group: u/app
scope: what one session in /home/u/app taught (2026-01-02)
applies_to: cwd=/home/u/app; reuse_rule=safe in these folders and checkouts of the same project; elsewhere only what is not about this code

## Task 1: Make the nightly import survive a full disk

### rollout_summary_files

- rollout_summaries/2026-01-02T10-00-00-aa01.md (updated_at=2026-01-02, thread_id=aa01)

### keywords

- var/spool/import, ENOSPC, import, disk quota, nightly, survive

## User preferences

- the user wants small commits with one reason each [Task 1]

## Reusable knowledge

- The importer writes to \`/var/spool/import\` before it commits. [Task 1]

## Failures and how to do differently

- The import failed with ENOSPC because the spool was never emptied; fix: empty it on start. [Task 1]
`);
  });

  test("keeps projects apart, and joins the folders of one repository", () => {
    const fact = (name: string) =>
      note({ knowledge: [`The ${name} service keeps its sessions in Redis because restarts are frequent.`] });
    const { memory } = consolidated(
      { id: "aa01", day: 1, cwd: "/home/u/src/Shop", memory: fact("shop") },
      { id: "aa02", day: 2, cwd: "/home/u/src/shop", memory: fact("basket") },
      { id: "aa03", day: 3, cwd: "/home/u/src/shop/", memory: fact("payment") },
      { id: "aa04", day: 4, cwd: "/home/u/src/shop/web", memory: fact("page") },
      { id: "aa05", day: 5, cwd: "", memory: fact("unplaced") },
      { id: "aa06", day: 6, cwd: "/home/u/src/shop.worktrees/fix-1", memory: fact("voucher") },
      { id: "aa07", day: 7, cwd: "/home/u/src/shopping", memory: fact("list") },
      { id: "aa08", day: 8, cwd: "/home/u/.codex/worktrees/ab12/shop", memory: fact("stock") },
    );
    const groups = readHandbook(memory).groups.map(({ cwd, family, items }) => ({
      cwd,
      family,
      knowledge: items.knowledge.map(({ text }) => /The (\w+)/.exec(text)?.[1]),
    }));
    expect(groups).toEqual([
      {
        cwd: "/home/u/src/Shop, /home/u/src/shop, /home/u/src/shop/web, /home/u/src/shop.worktrees/fix-1, /home/u/.codex/worktrees/ab12/shop",
        family: "src/Shop",
        knowledge: ["shop", "basket", "payment", "page", "voucher", "stock"],
      },
      { cwd: "", family: "(no project)", knowledge: ["unplaced"] },
      { cwd: "/home/u/src/shopping", family: "src/shopping", knowledge: ["list"] },
    ]);
  });

  test("takes folders for one repository whose sessions speak of the same files, whatever the names", () => {
    const about = (name: string) =>
      note({
        knowledge: ["store/main.go", "store/lock.go", "api/http.go", "api/auth.go", "cmd/run.go"].map(
          (file) => `The ${name} of \`${file}\` is generated from the schema because it must agree.`,
        ),
      });
    const { memory } = consolidated(
      { id: "aa01", day: 1, cwd: "/home/u/src/kestrel", memory: about("header") },
      { id: "aa02", day: 2, cwd: "/home/u/src/falcon", memory: about("license") },
    );
    expect(readHandbook(memory).groups.map(({ cwd }) => cwd)).toEqual([
      "/home/u/src/kestrel, /home/u/src/falcon",
    ]);
  });

  test("puts sessions on one subject into one task, and others into their own", () => {
    const about = (description: string, keywords: string) =>
      `---\ndescription: ${description}\nkeywords: ${keywords}\n---\n\nReusable knowledge:\n- Something about ${keywords} is stored per user, always.\n`;
    const { memory } = consolidated(
      { id: "aa01", day: 1, memory: about("Retry failed webhook deliveries", "webhooks, retry, queue") },
      {
        id: "aa02",
        day: 2,
        memory: about("Webhook deliveries retry twice after a timeout", "webhooks, retry, timeout"),
      },
      { id: "aa03", day: 3, memory: about("Redesign the invoice page", "invoice, css, print") },
    );
    const tasks = readHandbook(memory).groups[0]?.tasks.map(({ title, citations }) => [
      title,
      citations.map(({ threadId }) => threadId),
    ]);
    expect(tasks).toEqual([
      ["Retry failed webhook deliveries", ["aa01", "aa02"]],
      ["Redesign the invoice page", ["aa03"]],
    ]);
  });

  test("uses the subject that notes give themselves", () => {
    const of = (description: string) =>
      `---\ndescription: ${description}\ntask_group: release process\n---\n\n## Facts\n- ${description} is done in \`bin/release\`.\n`;
    const { memory } = consolidated(
      { id: "aa01", day: 1, memory: of("Signed the macOS build") },
      { id: "aa02", day: 2, memory: of("Wrote the changelog by hand") },
      {
        id: "aa03",
        day: 3,
        memory:
          "---\ndescription: Chose a colour for the logo\ntask_group: design\n---\n\n## Facts\n- The logo lives in `art/logo.svg`.\n",
      },
    );
    expect(
      readHandbook(memory).groups[0]?.tasks.map(({ title, citations }) => [title, citations.length]),
    ).toEqual([
      ["Release process", 2],
      ["Chose a colour for the logo", 1],
    ]);
  });

  test("gives no task to a session with nothing worth keeping", () => {
    const sessions = ["", "ok", "proceed", "```\n$ ls\n```", "---\n---\n", "# \n\n- \n"].map(
      (memory, at) => ({ id: `aa0${at}`, day: at, memory }),
    );
    expect(consolidated(...sessions).memory).toBe(
      "No session has taught anything that is worth keeping yet.\n",
    );
  });

  test("says what was said first first, once, so that a line keeps its place", () => {
    const { memory } = consolidated(
      {
        id: "aa01",
        day: 1,
        memory: note({
          knowledge: [
            "The parser lives in `src/parse` and has no dependencies.",
            "Releases are cut from the branch `stable` only.",
          ],
        }),
      },
      { id: "aa02", day: 2, memory: note({ knowledge: ["The cache is keyed by tenant and user."] }) },
      { id: "aa03", day: 3, memory: note({ knowledge: ["Uploads are limited to 20 MB by the proxy."] }) },
      {
        id: "aa04",
        day: 4,
        memory: note({ knowledge: ["Releases are only cut from the branch `stable`."] }),
      },
    );
    expect(statements(memory, "Reusable knowledge")).toEqual([
      "Releases are cut from the branch `stable` only.",
      "The parser lives in `src/parse` and has no dependencies.",
      "The cache is keyed by tenant and user.",
      "Uploads are limited to 20 MB by the proxy.",
    ]);
  });

  test("takes several tasks of one note apart and refers to the right one", () => {
    const { memory } = consolidated({
      id: "aa01",
      day: 1,
      memory:
        "### Task 1: Speed up the search index\n\nReusable knowledge:\n- The index is rebuilt nightly because updates lock it.\n\n### Task 2: Translate the help pages\n\nReusable knowledge:\n- Help pages are stored as Markdown in `help/<language>`.\n",
    });
    const [group] = readHandbook(memory).groups;
    const titles = new Map(group?.tasks.map(({ number, title }) => [number, title]));
    expect(
      group?.items.knowledge.map(({ text, tasks }) => [
        text.slice(0, 9),
        tasks.map((number) => titles.get(number)),
      ]),
    ).toEqual([
      ["Help page", ["Translate the help pages"]],
      ["The index", ["Speed up the search index"]],
    ]);
  });
});
