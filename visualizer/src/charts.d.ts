declare module "virtual:charts" {
  export const charts: readonly import("./chart/chart.ts").Chart[];
  /** Importable source, by machine id. */
  export const sources: Readonly<Record<string, string>>;
}
