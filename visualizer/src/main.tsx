import { charts } from "virtual:charts";
import { effect } from "@preact/signals";
import { render } from "preact";
import { createApi } from "./net/api.ts";
import { listen } from "./net/live.ts";
import { answerOtherTabs, askOtherTabs, keepToken, readToken, takeToken } from "./net/token.ts";
import { Page } from "./page.tsx";
import { createSession } from "./session.ts";
import { readExportedRun } from "./share/exported-run.ts";
import type { Theme } from "./state/page-store.ts";
import { visibleLine } from "./text/visible.ts";
import { createView } from "./view.ts";

const THEME_KEY = "slowwave-theme";

takeToken();
const home = document.getElementById("page");
if (charts.length === 0 || home === null) throw new Error("The page was built without a chart.");

const session = createSession(createApi(document.baseURI, readToken), storedTheme());
const view = createView(session, charts);

effect(() => {
  const { theme } = session.state.value;
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
});
effect(() => {
  const { detail, run } = session.state.value;
  document.title =
    run === null
      ? "Slowwave"
      : visibleLine(`${detail?.run.outcome ?? "running"} · ${detail?.run.session ?? run} · Slowwave`);
});

addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", async (event) => {
  event.preventDefault();
  const file = event.dataTransfer?.files[0];
  if (file === undefined) return;
  const read = readExportedRun(await file.text());
  if ("wrong" in read) session.notify("bad", read.wrong);
  else session.open(read);
});

// What was there to be seen at once.
home.replaceChildren();
render(<Page view={view} />, home);
if (location.protocol !== "file:") findToken();

function findToken(): void {
  const channel = new BroadcastChannel("slowwave");
  answerOtherTabs(channel);
  if (readToken() !== null) {
    connect(channel);
    return;
  }
  askOtherTabs(channel, {
    got(token) {
      keepToken(token);
      session.send.connected({ to: "connecting" });
      connect(channel);
    },
    nobody: () => session.send.connected({ to: "refused" }),
  });
}

function connect(channel: BroadcastChannel): void {
  const isFile = () => session.file.value !== null;
  session.admit();
  listen(session.api.liveUrl, channel, {
    rowsArrived: (rows) => isFile() || session.rowsArrived(rows),
    opened: () => {
      if (isFile()) return;
      session.send.connected({ to: "live" });
      session.refresh();
    },
    lost: () => {
      if (!isFile() && session.state.value.connection !== "refused") session.send.connected({ to: "lost" });
    },
  });
  // Also without the stream: what is stored can be seen while the line is down.
  session.refresh();
}

function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(THEME_KEY);
    return stored === "dark" || stored === "light" ? stored : "system";
  } catch {
    return "system";
  }
}
