/**
 * What a finding of the gate means for the run.
 *
 *   off     not reported; what the host mends by itself is still mended
 *   warn    reported
 *   ask     goes back to the agent while repair turns are left, then accepted and reported
 *   repair  goes back to the agent while repair turns are left, then refused
 *   refuse  refused at once
 */
export type GateSeverity = "off" | "warn" | "ask" | "repair" | "refuse";

export const GATE_SEVERITIES: readonly GateSeverity[] = ["off", "warn", "ask", "repair", "refuse"];

/**
 * Every check of an agent's result and its default. What makes a memory unusable or unsafe is refused when it
 * can't be mended; what makes it less handy is asked for and then accepted, since a gate that only ever refuses
 * keeps a memory from being renewed for days.
 */
export const GATE_DEFAULTS = {
  missing_file: "repair",
  summary_version: "repair",
  not_regular_file: "repair",
  leftover_removed: "warn",
  workspace_overflow: "refuse",
  file_too_large: "repair",
  memory_too_large: "repair",
  too_many_files: "repair",
  size_kept: "warn",
  summary_too_long: "ask",
  not_text: "repair",
  control_characters: "repair",
  path_collision: "repair",
  host_file_altered: "warn",
  no_task_group: "ask",
  group_header: "ask",
  task_form: "ask",
  unknown_summary: "repair",
  unknown_thread: "repair",
  unknown_task: "repair",
  reference_kept: "ask",
  unknown_mention: "warn",
  group_not_indexed: "ask",
  structure_worse: "repair",
  model_residue: "repair",
  placeholder: "repair",
  repeated_text: "repair",
  cut_off: "repair",
  stray_text: "ask",
  skill_form: "repair",
  skill_too_long: "ask",
  skill_script: "warn",
  skill_script_unlisted: "ask",
  skill_removed: "warn",
  memory_loss: "repair",
  group_lost: "repair",
  memory_eroded: "ask",
  memory_wiped: "refuse",
  hand_edit_lost: "repair",
  secret: "repair",
  input_secret: "warn",
  forged_structure: "repair",
  instruction: "warn",
  hidden_text: "warn",
  instruction_kept: "warn",
  input_instruction: "warn",
} as const satisfies Record<string, GateSeverity>;

export type GateCode = keyof typeof GATE_DEFAULTS;

/** What the person chose for single checks; all others keep their default. */
export type GateSettings = Readonly<Partial<Record<GateCode, GateSeverity>>>;

export function gateSeverity(code: GateCode, settings: GateSettings): GateSeverity {
  return settings[code] ?? GATE_DEFAULTS[code];
}
