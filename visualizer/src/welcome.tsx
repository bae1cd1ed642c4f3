import { useSignal } from "@preact/signals";
import { keepToken } from "./net/token.ts";
import type { View } from "./view.ts";

/** Shown where there is no server, or none that lets us in. */
export function Welcome({ view }: { view: View }) {
  const token = useSignal("");
  const isFile = location.protocol === "file:";
  return (
    <section class="welcome" aria-label="Welcome">
      {isFile ? (
        <>
          <h2>Drop an exported run here</h2>
          <p>This page was opened as a file, so there is no server behind it. Everything else works.</p>
        </>
      ) : (
        <>
          <h2>This page needs its token</h2>
          <p>
            Open the address that <code>slowwave serve</code> printed, or paste the token from its end.
          </p>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              keepToken(token.value.replace(/^.*token=/, "").trim());
              view.session.send.connected({ to: "connecting" });
              location.reload();
            }}
          >
            <input
              type="password"
              aria-label="Token"
              autocomplete="off"
              value={token.value}
              onInput={(event) => {
                token.value = event.currentTarget.value;
              }}
            />
            <button type="submit" class="strong">
              Enter
            </button>
          </form>
          <p class="hint">An exported run can be dropped here as well; it needs no server.</p>
        </>
      )}
    </section>
  );
}
