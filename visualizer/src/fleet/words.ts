import type { FleetAnswer } from "../../../src/server/api.ts";

/** Spaces without a tenant in their key are one tenant together. */
export function tenantName(tenant: string): string {
  return tenant === "" ? "(no tenant)" : tenant;
}

/** How many spaces may be at work at once, as the worker asks for places. */
export function limitsText({ fleet, tenant, tenants }: FleetAnswer["workers"][number]["limits"]): string {
  const parts = [
    ...(fleet === null ? [] : [`${fleet} in all`]),
    ...(tenant === null ? [] : [`${tenant} a tenant`]),
    ...(tenants === undefined ? [] : [`${Object.keys(tenants).length} of their own`]),
  ];
  return parts.length === 0 ? "none" : parts.join(", ");
}

/** A worker beats every few seconds: after fifteen it counts as dead on PostgreSQL. */
export function beatTone(sinceMs: number): "" | "late" | "bad" {
  return sinceMs >= 15_000 ? "bad" : sinceMs >= 8_000 ? "late" : "";
}
