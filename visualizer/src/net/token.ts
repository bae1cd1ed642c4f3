import { withoutToken } from "../state/address.ts";

const KEY = "slowwave-token";

/** Takes the token out of the address bar and keeps it for this tab alone. */
export function takeToken(): string | null {
  const { token, hash } = withoutToken(location.hash);
  if (token !== null) {
    keepToken(token);
    history.replaceState(null, "", `${location.pathname}${location.search}${hash}`);
  }
  return readToken();
}

export function readToken(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function keepToken(token: string): void {
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    // A page without storage works until it is reloaded.
  }
}

/**
 * Another tab of the same page may have it: a link that was opened in a new tab brings none. Calls back once, if ever;
 * `nobody` after a while without an answer, which may still come.
 */
export function askOtherTabs(
  channel: BroadcastChannel,
  { got, nobody }: { got(token: string): void; nobody(): void },
): void {
  const timer = setTimeout(nobody, PATIENCE_MS);
  const onMessage = ({ data }: MessageEvent) => {
    if (data?.kind !== "token" || typeof data.token !== "string") return;
    clearTimeout(timer);
    channel.removeEventListener("message", onMessage);
    got(data.token);
  };
  channel.addEventListener("message", onMessage);
  channel.postMessage({ kind: "token?" });
}

const PATIENCE_MS = 500;

export function answerOtherTabs(channel: BroadcastChannel): void {
  channel.addEventListener("message", ({ data }) => {
    const token = readToken();
    if (data?.kind === "token?" && token !== null) channel.postMessage({ kind: "token", token });
  });
}
