import type { AdmissionStore } from "../../domain/admission.ts";
import type { Database } from "./database.ts";
import { databaseError } from "./patience.ts";

/** Places are not given on PostgreSQL yet: every request is refused by name. */
export function postgresAdmissions(db: Database): AdmissionStore {
  return new Proxy({} as AdmissionStore, {
    get: () => () => Promise.reject(databaseError("store_rejected", db.place)),
  });
}
