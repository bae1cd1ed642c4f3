import { fromPromise } from "xstate";
import type { AgentConfig, AgentRunner } from "../domain/agent.ts";
import { SlowwaveError } from "../domain/failure.ts";
import type { RunInput } from "../domain/phase2.ts";

export interface ConfigureDeps {
  readonly runner: AgentRunner;
  readonly settings: { readonly model: string | null; readonly effort?: AgentConfig["effort"] };
}

/**
 * The locked-down configuration (original, section 5.1): never asks for approval, writes in its workspace only,
 * has the network only where its harness must reach its model, or where nothing keeps it from it. Rejects with
 * `failed_sandbox_policy` when the agent can't be kept there.
 */
export function configureAgent({ runner, settings }: ConfigureDeps) {
  return fromPromise<AgentConfig, RunInput>(async () => {
    const found = await runner.probe?.();
    if (found !== undefined && "missing" in found) {
      throw new SlowwaveError("failed_sandbox_policy", found.missing);
    }
    const usesModel = runner.usesModel ?? true;
    return {
      agent: runner.name,
      model: usesModel ? settings.model : null,
      effort: usesModel ? (settings.effort ?? "medium") : null,
      approvals: "never",
      sandbox: "workspace-write",
      network: found?.network ?? runner.network,
    };
  });
}
