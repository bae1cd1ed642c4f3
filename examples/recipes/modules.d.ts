/** The parts of two engines that the recipes use; neither is a dependency of the project. */
declare module "@dbos-inc/dbos-sdk" {
  interface Handle<Result> {
    readonly workflowID: string;
    getResult(): Promise<Result>;
  }
  export const DBOS: {
    setConfig(config: {
      name: string;
      systemDatabaseUrl: string;
      executorID: string;
      applicationVersion: string;
      logLevel?: string;
    }): void;
    registerWorkflow<Args extends unknown[], Result>(
      work: (...args: Args) => Promise<Result>,
      config: { name: string },
    ): (...args: Args) => Promise<Result>;
    runStep<Answer>(work: () => Promise<Answer>, config: { name: string }): Promise<Answer>;
    registerQueue(
      name: string,
      limits: { workerConcurrency?: number; concurrency?: number; onConflict?: string },
    ): Promise<unknown>;
    startWorkflow<Args extends unknown[], Result>(
      workflow: (...args: Args) => Promise<Result>,
      how: {
        queueName: string;
        enqueueOptions: { deduplicationID: string };
        duplicationPolicy: "reject" | "return-existing";
      },
    ): (...args: Args) => Promise<Handle<Result>>;
    launch(): Promise<void>;
    shutdown(): Promise<void>;
  };
}

declare module "@restatedev/restate-sdk" {
  export interface ObjectContext {
    readonly key: string;
    run<Answer>(name: string, work: () => Promise<Answer>): Promise<Answer>;
  }
  export function object(service: {
    name: string;
    handlers: Record<string, (ctx: ObjectContext, ...args: never[]) => Promise<unknown>>;
    options?: { inactivityTimeout?: { hours: number }; abortTimeout?: { hours: number } };
  }): unknown;
  export function serve(options: { services: readonly unknown[]; port: number }): Promise<number>;
}
