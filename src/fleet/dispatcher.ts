import type { AdmissionCarrier } from "../domain/admission.ts";

/**
 * Carries admitted spaces from the process that admits to the one that works: a queue with a dashboard of its own, for
 * instance. It decides nothing: the store admits, the claim decides, and the job's row alone knows of retries. A space that
 * a dispatcher loses or brings late is admitted again when its admission is over.
 */
export interface Dispatcher extends AdmissionCarrier {
  /** Before anything is sent. */
  start(): Promise<void>;
  /** At most so many spaces to work on here. */
  fetch(count: number): Promise<readonly Delivery[]>;
  stop(): Promise<void>;
}

export interface Delivery {
  readonly space: string;
  /** The work on it is over, with what became of it for those who look at the queue. */
  done(outcome: { readonly run: string | null; readonly status: string }): Promise<void>;
}
