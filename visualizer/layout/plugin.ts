import type { Plugin } from "vite";
import type { AnyStateMachine } from "xstate";
import { statelySource } from "../../src/machines/formats.ts";
import { layOut } from "./lay-out.ts";

/**
 * `virtual:charts`: the machines as drawings and as source, made while the page is built. `charts.json` beside
 * the page holds the same drawings for whoever draws them without a browser.
 */
export function charts(
  machines: readonly { readonly machine: AnyStateMachine; readonly version: string }[],
): Plugin {
  const name = "virtual:charts";
  const drawAll = () => Promise.all(machines.map(({ machine, version }) => layOut(machine, version)));
  return {
    name: "charts",
    resolveId: (source) => (source === name ? `\0${name}` : undefined),
    async load(id) {
      if (id !== `\0${name}`) return undefined;
      const drawings = await drawAll();
      if (this.meta.watchMode === false) {
        this.emitFile({ type: "asset", fileName: "charts.json", source: JSON.stringify(drawings) });
      }
      const sources = Object.fromEntries(machines.map(({ machine }) => [machine.id, statelySource(machine)]));
      return `export const charts = ${JSON.stringify(drawings)};\nexport const sources = ${JSON.stringify(sources)};`;
    },
  };
}
