import type { Pool } from "pg";
import type { PostgresPool } from "../../src/persistence/postgres/index.ts";

/** What goes wrong with a statement: before the server has it, or after it did it and only the answer is lost. */
export interface Fault {
  readonly when: RegExp;
  readonly how: "before" | "after";
  readonly error: Error;
  /** How often. */
  times: number;
}

/** A pool whose statements can be counted, and made to fail. */
export interface FaultyPool extends PostgresPool {
  readonly statements: string[];
  readonly faults: Fault[];
}

export function faultyPool(pool: Pool): FaultyPool {
  const statements: string[] = [];
  const faults: Fault[] = [];

  function strike(text: string, how: Fault["how"]): void {
    const fault = faults.find((one) => one.how === how && one.times > 0 && one.when.test(text));
    if (fault === undefined) return;
    fault.times -= 1;
    throw fault.error;
  }

  return {
    statements,
    faults,
    end: () => pool.end(),
    connect: async () => {
      strike("connect", "before");
      const client = await pool.connect();
      return new Proxy(client, {
        get: (target, name) => {
          const member: unknown = Reflect.get(target, name, target);
          if (typeof member !== "function") return member;
          if (name !== "query") return member.bind(target);
          return async (statement: string | { readonly text: string }) => {
            const text = typeof statement === "string" ? statement : statement.text;
            statements.push(text);
            strike(text, "before");
            const answer: unknown = await member.call(target, statement);
            strike(text, "after");
            return answer;
          };
        },
      }) as never;
    },
  };
}

/** An error as the driver gives it. */
export function sqlError(code: string, message = `refused with ${code}`): Error {
  return Object.assign(new Error(message), { code });
}
