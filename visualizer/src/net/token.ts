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

/** Another tab of the same page may have it: a link that was opened in a new tab brings none. */
export function askOtherTabs(channel: BroadcastChannel, patienceMs = 300): Promise<string | null> {
  return new Promise((resolve) => {
    const done = (token: string | null) => {
      channel.removeEventListener("message", heard);
      resolve(token);
    };
    const heard = ({ data }: MessageEvent) => {
      if (data?.kind === "token" && typeof data.token === "string") done(data.token);
    };
    channel.addEventListener("message", heard);
    channel.postMessage({ kind: "token?" });
    setTimeout(() => done(null), patienceMs);
  });
}

export function answerOtherTabs(channel: BroadcastChannel): void {
  channel.addEventListener("message", ({ data }) => {
    const token = readToken();
    if (data?.kind === "token?" && token !== null) channel.postMessage({ kind: "token", token });
  });
}
