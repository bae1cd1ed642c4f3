/**
 * Phase 2 as a Restate virtual object: one object for each space, so that its runs come one after another, and one
 * journal entry for each actor of the machine. The claim in Slowwave's store decides all the same.
 *
 *   npm install slowwave @restatedev/restate-sdk            # and a server: npx @restatedev/restate-server
 *
 *   const worker = await startWorker({ store, agent, home: "/var/lib/slowwave", port: 9080 });
 *   curl localhost:9070/deployments --json '{"uri": "http://localhost:9080"}'     # once
 *   curl localhost:8080/space/acme%2Fshop/consolidate --json '{}'                 # or …/consolidate/send
 *
 * Restate goes on with a dead worker's runs at the address that it registered: put workers behind one address, or start the
 * dead one again. A run needs its folder below `home` there.
 */
import * as restate from "@restatedev/restate-sdk";
import { type AgentRunner, createPhase2Steps, type Store } from "slowwave";

export interface WorkerOptions {
  readonly store: Store;
  readonly agent: AgentRunner;
  readonly home: string;
  readonly port: number;
}

export async function startWorker({ store, agent, home, port }: WorkerOptions) {
  const phase2 = await createPhase2Steps({ store, agent, home });
  const space = restate.object({
    name: "space",
    handlers: {
      consolidate: async (ctx: restate.ObjectContext) => {
        const { run, status, generation, cause } = await phase2.run({ space: ctx.key }, (name, work) =>
          ctx.run(name, work),
        );
        return { run, status, generation, cause };
      },
    },
    // An agent works in one step. Restate takes a step that says nothing for a minute for stalled, and ends it.
    options: { inactivityTimeout: { hours: 24 }, abortTimeout: { hours: 24 } },
  });
  return { port: await restate.serve({ services: [space], port }), close: () => phase2.close() };
}
