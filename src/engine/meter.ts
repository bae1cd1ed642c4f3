import { metrics } from "@opentelemetry/api";
import type { RunEvent } from "../domain/event.ts";

/**
 * The original's metrics (section 7), fed from run events. Without an OpenTelemetry SDK in the host they go
 * nowhere. Of the five kinds of tokens those are counted that the agent reports.
 * Telemetry that is broken (an exporter that throws, a provider that fails) counts nothing and harms no run.
 */
export function createMeter(): (event: RunEvent) => void {
  let measure: ((event: RunEvent) => void) | null = null;
  return (event) => {
    try {
      measure ??= instruments();
      measure(event);
    } catch {
      // A run does not fail for what watches it.
    }
  };
}

function instruments(): (event: RunEvent) => void {
  const meter = metrics.getMeter("slowwave");
  const status = meter.createCounter("codex.memory.phase2", { description: "Phase-2 runs by status" });
  const inputs = meter.createCounter("codex.memory.phase2.input", {
    description: "Stage-1 outputs consolidated",
  });
  const duration = meter.createHistogram("codex.memory.phase2.e2e_ms", { unit: "ms" });
  const tokens = meter.createHistogram("codex.memory.phase2.token_usage", { unit: "{token}" });
  return (event) => {
    switch (event.type) {
      case "status.counted":
        status.add(1, { status: event.status });
        break;
      case "inputs.counted":
        inputs.add(event.inputs);
        break;
      case "run.finished": {
        const { startedAt, finishedAt, agent } = event.result;
        duration.record(Date.parse(finishedAt) - Date.parse(startedAt));
        // Only of a completed agent, as in the original.
        if (agent?.status !== "completed") break;
        const { input, output, cachedInput, reasoningOutput } = agent.tokens;
        if (input !== null) tokens.record(input, { token_type: "input" });
        if (output !== null) tokens.record(output, { token_type: "output" });
        if (cachedInput !== undefined) tokens.record(cachedInput, { token_type: "cached_input" });
        if (reasoningOutput !== undefined) tokens.record(reasoningOutput, { token_type: "reasoning_output" });
        if (input !== null || output !== null) {
          tokens.record((input ?? 0) + (output ?? 0), { token_type: "total" });
        }
        break;
      }
      default:
        break;
    }
  };
}
