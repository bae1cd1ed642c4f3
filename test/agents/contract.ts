import { existsSync } from "node:fs";
import { firstValueFrom, type Observable, take, toArray } from "rxjs";
import { describe, expect, test } from "vitest";
import { isFinal } from "../../src/agents/agent-stream.ts";
import type { AgentEvent, AgentHandle, AgentRunner } from "../../src/domain/agent.ts";
import { allOf, bearersOf, expectNoneLeft, place, withInput } from "./place.ts";
import { realClock } from "./real-clock.ts";

export interface AgentUnderTest {
  /** Completes its turn with something in the workspace. */
  readonly good: AgentRunner;
  /** Stays in its turn until it is told to stop. */
  readonly endless: AgentRunner;
  /** Fails its turn. */
  readonly failing: AgentRunner;
  /** Can't be started; null for a kind that always can. */
  readonly unstartable: AgentRunner | null;
}

/** What every kind of agent promises. */
export function agentContract(name: string, make: () => AgentUnderTest): void {
  describe(`${name} keeps the agents' contract`, () => {
    expectNoneLeft();

    test("a good turn starts, runs, completes once, and the stream ends after close", async () => {
      const { spec } = place();
      withInput(spec);
      const handle = await make().good.spawn(spec, realClock);
      await firstFinal(handle.events$);
      await handle.close();
      const statuses = (await allOf(handle)).filter((event) => isFinal(event) || !("text" in event));
      expect(statuses.map((event) => event.type).filter((type) => type !== "agent.usage")).toEqual([
        "agent.starting",
        "agent.running",
        "agent.completed",
      ]);
      expect(handle).toMatchObject({ id: spec.key, sandbox: expect.stringMatching(/./) });
    });

    test("who subscribes late hears the same from the beginning", async () => {
      const { spec } = place();
      withInput(spec);
      const handle = await make().good.spawn(spec, realClock);
      const early = allOf(handle);
      await firstFinal(handle.events$);
      await handle.close();
      expect(await allOf(handle)).toEqual(await early);
    });

    test("a failing turn says why, in one line", async () => {
      const { spec } = place();
      const handle = await make().failing.spawn(spec, realClock);
      const last = await firstFinal(handle.events$);
      expect(last).toEqual({ type: "agent.errored", message: expect.stringMatching(/^\S[^\n]+$/) });
      await handle.close();
    });

    test("an interrupted turn ends as interrupted and nothing of it lives", async () => {
      const { spec } = place();
      const handle = await make().endless.spawn(spec, realClock);
      await firstValueFrom(handle.events$.pipe(take(2), toArray()));
      await handle.interrupt();
      expect((await firstFinal(handle.events$)).type).toBe("agent.interrupted");
      await handle.close();
      expect(bearersOf(spec.key)).toEqual([]);
    });

    test("close ends a turn under way, completes the stream, and may be repeated", async () => {
      const { spec } = place();
      const handle = await make().endless.spawn(spec, realClock);
      await handle.close();
      await handle.close();
      await handle.interrupt();
      expect((await allOf(handle)).at(-1)).toEqual({ type: "agent.interrupted" });
      expect(bearersOf(spec.key)).toEqual([]);
    });

    test("a prompt while the turn is open, or after close, is refused with a code", async () => {
      const { spec } = place();
      const handle = await make().endless.spawn(spec, realClock);
      const codes = /^agent_(busy|single_turn|closed)$/;
      await expect(handle.prompt("more")).rejects.toMatchObject({ code: expect.stringMatching(codes) });
      await handle.close();
      await expect(handle.prompt("more")).rejects.toMatchObject({ code: expect.stringMatching(codes) });
    });

    test("an untouched scratch folder has no orphan; one in which an agent was started has, and may be asked twice", async () => {
      const { spec, places } = place();
      const { good } = make();
      expect(await good.endOrphan(places.scratch, realClock)).toBe(false);
      withInput(spec);
      const handle = await good.spawn(spec, realClock);
      await firstFinal(handle.events$);
      await handle.close();
      expect(await good.endOrphan(places.scratch, realClock)).toBe(true);
      expect(await good.endOrphan(places.scratch, realClock)).toBe(true);
    });

    test("an agent that can't be started rejects with a cause and leaves nothing running", async () => {
      const { spec } = place();
      const { unstartable } = make();
      if (unstartable === null) return expect(existsSync(spec.workspace)).toBe(true);
      await expect(unstartable.spawn(spec, realClock)).rejects.toMatchObject({
        code: "agent_not_started",
        cause: expect.any(Error),
      });
      expect(bearersOf(spec.key)).toEqual([]);
    });
  });
}

export function firstFinal(events$: Observable<AgentEvent>): Promise<AgentEvent> {
  return new Promise((resolve, reject) => {
    events$.subscribe({
      next: (event) => isFinal(event) && resolve(event),
      error: reject,
      complete: () => reject(new Error("the stream ended without a final status")),
    });
  });
}

/** Resolves at the completion of turn `wanted`, counted from 1. */
export function completed({ events$ }: AgentHandle, wanted: number): Promise<void> {
  let seen = 0;
  return new Promise((resolve) =>
    events$.subscribe((event) => {
      if (event.type === "agent.completed") seen += 1;
      if (seen === wanted) resolve();
    }),
  );
}
