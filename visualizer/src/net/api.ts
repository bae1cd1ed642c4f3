import type {
  CancelAnswer,
  CoverageAnswer,
  DiffAnswer,
  ErrorAnswer,
  EventView,
  ExportedRun,
  FleetAnswer,
  GenerationsAnswer,
  RunAnswer,
  RunsAnswer,
  SessionsAnswer,
  SnapshotAnswer,
  StartAnswer,
} from "../../../src/server/api.ts";

/** A refusal of the server, with its own sentence. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

export type Api = ReturnType<typeof createApi>;

/** The server behind the page, under whatever path it is mounted. */
export function createApi(base: string, token: () => string | null) {
  async function ask<Answer>(path: string, query: Query = {}, body?: unknown): Promise<Answer> {
    const url = new URL(`api/${path}`, base);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined && value !== null) url.searchParams.set(key, String(value));
    }
    const response = await fetch(url, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${token() ?? ""}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.ok) return (await response.json()) as Answer;
    const answer = (await response.json().catch(() => null)) as ErrorAnswer | null;
    const { code, message } = answer?.error ?? {
      code: "http",
      message: `The server answered ${response.status}.`,
    };
    throw new ApiError(response.status, code, message);
  }

  const of = (run: string) => `runs/${encodeURIComponent(run)}`;
  return {
    runs: (before: string | null, limit: number, machine: MachineName = "phase2") =>
      ask<RunsAnswer>("runs", { before, limit, machine }),
    sessions: (space: string, before: string | null, limit: number) =>
      ask<SessionsAnswer>("sessions", { space, before, limit }),
    run: (run: string) => ask<RunAnswer>(of(run)),
    events: (run: string, before: number, limit: number) =>
      ask<{ readonly events: readonly EventView[]; readonly hasEarlier: boolean }>(`${of(run)}/events`, {
        before,
        limit,
      }),
    at: (run: string, sequence: number) => ask<SnapshotAnswer>(`${of(run)}/at/${sequence}`),
    fleet: () => ask<FleetAnswer>("fleet"),
    cancel: (run: string) => ask<CancelAnswer>(`${of(run)}/cancel`, {}, {}),
    start: (space: string) => ask<StartAnswer>("runs", {}, { space, now: true }),
    coverage: (machine: MachineName) => ask<CoverageAnswer>("coverage", { machine }),
    generations: (space: string) => ask<GenerationsAnswer>("generations", { space }),
    diff: (from: string | null, to: string) => ask<DiffAnswer>("diff", { from: from ?? "", to }),
    exported: (run: string) => ask<ExportedRun>(`${of(run)}/export`),
    liveUrl: () => {
      const url = new URL("api/live", base);
      url.searchParams.set("token", token() ?? "");
      return url.href;
    },
  };
}

/** The machines that the page draws. */
export type MachineName = "phase1" | "phase2";

type Query = Readonly<Record<string, string | number | null | undefined>>;
