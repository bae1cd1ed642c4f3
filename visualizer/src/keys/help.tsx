import { Dialog } from "../header/dialog.tsx";
import { BINDINGS } from "./bindings.ts";

const SIGNS: Readonly<Record<string, string>> = { ArrowLeft: "←", ArrowRight: "→", Shift: "⇧" };

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {BINDINGS.map(({ keys, does }) => (
          <div key={does}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>
                  {key
                    .split("+")
                    .map((part) => SIGNS[part] ?? part)
                    .join("")}
                </kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">In lists, arrows move the choice. Drop an exported run anywhere to open it.</p>
      <form method="dialog" class="choices">
        <button type="submit">Close</button>
      </form>
    </Dialog>
  );
}
