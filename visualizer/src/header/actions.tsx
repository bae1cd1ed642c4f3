import { sources } from "virtual:charts";
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { asTest } from "../share/copy-as-test.ts";
import { readExportedRun } from "../share/exported-run.ts";
import { copyText, saveFile } from "../share/hand-over.ts";
import type { Theme } from "../state/page-store.ts";
import { Line } from "../text/shown.tsx";
import { visibleLine } from "../text/visible.ts";
import type { View } from "../view.ts";
import { Dialog } from "./dialog.tsx";

const STATELY = "https://stately.ai/registry/editor";

/** Retry and cancel, which say what they will do before they do it, and a menu of everything else. */
export function ActionButtons({ view, onHelp }: { view: View; onHelp: () => void }) {
  const { session } = view;
  const { detail, list, connection } = session.state.value;
  const asking = useSignal<"retry" | "cancel" | null>(null);
  const can = detail?.can ?? null;
  const isFile = connection === "file";
  const which = asking.value;
  const asked = which === null ? null : (can?.[which] ?? null);

  const act = async () => {
    if (detail === null || which === null) return;
    asking.value = null;
    try {
      if (which === "retry") {
        const { run, adopted } = await session.api.start(detail.run.space);
        session.notify(
          "good",
          adopted ? "An unfinished run of this space is brought to its end." : "A new run has started.",
        );
        session.select(run);
      } else {
        const { outcome } = await session.api.cancel(detail.run.id);
        session.notify("good", CANCELLED[outcome]);
      }
      session.refresh();
    } catch (error) {
      session.failed(error);
    }
  };
  return (
    <div class="actions">
      {(list === "fleet" && !isFile ? [] : (["retry", "cancel"] as const)).map((name) => (
        <button
          type="button"
          key={name}
          id={`${name}-run`}
          class={name === "cancel" ? "danger" : ""}
          aria-disabled={can === null || isFile || !can[name].ok}
          title={isFile ? "A file cannot be acted on." : visibleLine(can?.[name].why ?? "")}
          onClick={() => {
            if (can !== null && !isFile) asking.value = name;
          }}
        >
          {name === "retry" ? "Retry" : "Cancel run"}
        </button>
      ))}
      <Menu view={view} onHelp={onHelp} />
      {asked !== null && which !== null && (
        <Dialog
          title={which === "retry" ? "Start a new run?" : "Cancel this run?"}
          onClose={() => {
            asking.value = null;
          }}
        >
          <p>
            <Line text={asked.ok ? asked.why : `Not possible now. ${asked.why}`} limit={400} />
          </p>
          <div class="choices">
            <button
              type="button"
              onClick={() => {
                asking.value = null;
              }}
            >
              {asked.ok ? "Leave it" : "Close"}
            </button>
            {asked.ok && (
              <button type="button" class={which === "cancel" ? "danger strong" : "strong"} onClick={act}>
                {which === "retry" ? "Start it" : "Cancel it"}
              </button>
            )}
          </div>
        </Dialog>
      )}
    </div>
  );
}

const CANCELLED = {
  cancelled: "The run is cancelled.",
  requested: "Asked; the process that runs it sees it within two seconds.",
  over: "It was over already.",
  unknown: "There is no such run any more.",
} as const;

const THEMES: readonly Theme[] = ["system", "dark", "light"];

function Menu({ view, onHelp }: { view: View; onHelp: () => void }) {
  const { session, steps } = view;
  const { detail, theme, connection } = session.state.value;
  const menu = useRef<HTMLDivElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const close = () => menu.current?.hidePopover();
  const copy = async (text: string | null, done: string, cannot: string) => {
    close();
    if (text === null) session.notify("bad", cannot);
    else if (await copyText(text)) session.notify("good", done);
    else session.notify("bad", "The browser refused the clipboard.");
  };
  const exportRun = async () => {
    close();
    if (detail === null) return;
    try {
      const file = session.file.value ?? (await session.api.exported(detail.run.id));
      saveFile(`slowwave-run-${detail.run.id.replace(/[^\w.-]/g, "_")}.json`, JSON.stringify(file, null, 1));
    } catch (error) {
      session.failed(error);
    }
  };
  const openFile = async (file: File | undefined) => {
    close();
    if (file === undefined) return;
    const read = readExportedRun(await file.text());
    if ("wrong" in read) session.notify("bad", read.wrong);
    else session.open(read);
  };
  const source = sources[view.chart.id] ?? "";
  return (
    <>
      <button type="button" class="menu-button" popovertarget="menu" aria-label="More">
        ⋯
      </button>
      <div class="menu" id="menu" popover="auto" ref={menu}>
        <button
          type="button"
          disabled={detail === null}
          onClick={() =>
            copy(
              detail === null ? null : asTest(detail.run, steps.value),
              "Copied: the way of this run as a vitest case.",
              "The beginning of this run's log is not here yet.",
            )
          }
        >
          Copy as test
        </button>
        <button type="button" disabled={detail === null} onClick={exportRun}>
          Export run
        </button>
        <button type="button" disabled={connection === "connecting"} onClick={() => picker.current?.click()}>
          Open an exported run …
        </button>
        <button type="button" onClick={() => copy(source, "Copied: paste it into Import → from code.", "")}>
          Copy machine source
        </button>
        <a
          href={STATELY}
          target="_blank"
          rel="noopener noreferrer"
          onClick={() => void copy(source, "Copied: paste it into Import → from code.", "")}
        >
          Copy it and open Stately ↗
        </a>
        <fieldset class="themes" aria-label="Colours">
          {THEMES.map((one) => (
            <button
              type="button"
              key={one}
              aria-pressed={one === theme}
              onClick={() => session.send.themeChosen({ theme: one })}
            >
              {one}
            </button>
          ))}
        </fieldset>
        <button
          type="button"
          onClick={() => {
            close();
            onHelp();
          }}
        >
          Keys <kbd>?</kbd>
        </button>
      </div>
      <input
        ref={picker}
        class="hidden"
        type="file"
        accept="application/json,.json"
        aria-label="Exported run"
        tabIndex={-1}
        onChange={(event) => void openFile(event.currentTarget.files?.[0])}
      />
    </>
  );
}
