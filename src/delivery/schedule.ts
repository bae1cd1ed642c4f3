import { createHash } from "node:crypto";
import { join } from "node:path";
import { SlowwaveError } from "../domain/failure.ts";

/**
 * Learning now and then, by what the system has for it: a user timer of systemd, an agent of launchd, a task of the Task
 * Scheduler. Nothing of ours runs in between.
 */
export interface ScheduleRequest {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly user: string;
  readonly home: string;
  readonly space: string;
  /** Whether this is the home that is used when none is named. */
  readonly isUsualHome: boolean;
  /** How this program is started. */
  readonly program: readonly string[];
  readonly everyMinutes: number;
  /** The number of the user, which launchd names its domain by. */
  readonly uid: number;
}

export interface SchedulePlan {
  /** What schedules it here, as people call it. */
  readonly scheduler: "systemd" | "launchd" | "Task Scheduler";
  readonly name: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** Programs that make the system take the files in, and let go of them. */
  readonly enable: readonly (readonly string[])[];
  readonly disable: readonly (readonly string[])[];
  /** What the person may want to know. */
  readonly hint: string | null;
}

/** Stands in each file, so that nobody else's is ever replaced or removed. */
export const SCHEDULE_MARK = "made by slowwave; `slowwave schedule remove` removes it";

/** What divides an hour or a day, so that each scheduler can say it. */
export const SCHEDULE_MINUTES = [5, 10, 15, 30, 60, 120, 360, 720, 1440] as const;

export function schedulePlan(request: ScheduleRequest): SchedulePlan {
  if (!SCHEDULE_MINUTES.some((minutes) => minutes === request.everyMinutes)) {
    const named = SCHEDULE_MINUTES.map((minutes) => (minutes < 60 ? `${minutes}m` : `${minutes / 60}h`));
    throw new SlowwaveError("invalid_usage", `--every takes one of ${named.join(", ")}.`);
  }
  switch (request.platform) {
    case "darwin":
      return launchdPlan(request);
    case "win32":
      return taskPlan(request);
    case "linux":
    case "freebsd":
      return systemdPlan(request);
    default:
      throw new SlowwaveError(
        "schedule_unsupported",
        `There is no scheduler that slowwave knows on ${request.platform}; start \`slowwave learn --run\` by your own, or \`slowwave serve --every 30m\`.`,
      );
  }
}

/** One a home and space, so that two of them do not share a timer. */
function nameOf({ home, space, isUsualHome }: ScheduleRequest): string {
  if (isUsualHome && space === "global") return "slowwave";
  return `slowwave-${createHash("sha256").update(`${home}\n${space}`).digest("hex").slice(0, 8)}`;
}

function commandOf({ program, home, space }: ScheduleRequest): readonly string[] {
  return [...program, "schedule", "tick", "--home", home, ...(space === "global" ? [] : ["--space", space])];
}

function systemdPlan(request: ScheduleRequest): SchedulePlan {
  const { env, user, everyMinutes } = request;
  const name = nameOf(request);
  const config = env.XDG_CONFIG_HOME?.startsWith("/") === true ? env.XDG_CONFIG_HOME : join(user, ".config");
  const folder = join(config, "systemd", "user");
  const service = [
    `# ${SCHEDULE_MARK}`,
    "[Unit]",
    "Description=Slowwave learns from new sessions",
    "",
    "[Service]",
    "Type=oneshot",
    `ExecStart=${commandOf(request).map(systemdWord).join(" ")}`,
    "Nice=10",
    "IOSchedulingClass=idle",
    "TimeoutStartSec=2h",
    "",
  ];
  const timer = [
    `# ${SCHEDULE_MARK}`,
    "[Unit]",
    "Description=When Slowwave learns from new sessions",
    "",
    "[Timer]",
    `OnCalendar=${calendarOf(everyMinutes)}`,
    "Persistent=true",
    "RandomizedDelaySec=60",
    "",
    "[Install]",
    "WantedBy=timers.target",
    "",
  ];
  return {
    scheduler: "systemd",
    name,
    files: [
      { path: join(folder, `${name}.service`), text: service.join("\n") },
      { path: join(folder, `${name}.timer`), text: timer.join("\n") },
    ],
    enable: [
      ["systemctl", "--user", "daemon-reload"],
      ["systemctl", "--user", "enable", "--now", `${name}.timer`],
    ],
    disable: [["systemctl", "--user", "disable", "--now", `${name}.timer`]],
    hint: "It runs while you are logged in; `loginctl enable-linger` lets it go on after.",
  };
}

/** `%` begins a specifier and `$` a variable. */
function systemdWord(word: string): string {
  const plain = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@+=:,./-]+$/.test(word) ? plain : `"${plain.replace(/[\\"]/g, "\\$&")}"`;
}

function calendarOf(minutes: number): string {
  if (minutes < 60) return `*:0/${minutes}`;
  if (minutes === 60) return "hourly";
  return minutes === 1440 ? "daily" : `0/${minutes / 60}:00`;
}

function launchdPlan(request: ScheduleRequest): SchedulePlan {
  const name = `dev.${nameOf(request)}`;
  const path = join(request.user, "Library", "LaunchAgents", `${name}.plist`);
  const domain = `gui/${request.uid}`;
  const text = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<!-- ${SCHEDULE_MARK} -->`,
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    "<dict>",
    "  <key>Label</key>",
    `  <string>${xml(name)}</string>`,
    "  <key>ProgramArguments</key>",
    "  <array>",
    ...commandOf(request).map((word) => `    <string>${xml(word)}</string>`),
    "  </array>",
    "  <key>StartInterval</key>",
    `  <integer>${request.everyMinutes * 60}</integer>`,
    "  <key>ProcessType</key>",
    "  <string>Background</string>",
    "  <key>LowPriorityIO</key>",
    "  <true/>",
    "</dict>",
    "</plist>",
    "",
  ].join("\n");
  return {
    scheduler: "launchd",
    name,
    files: [{ path, text }],
    enable: [["launchctl", "bootstrap", domain, path]],
    disable: [["launchctl", "bootout", `${domain}/${name}`]],
    hint: null,
  };
}

function taskPlan(request: ScheduleRequest): SchedulePlan {
  const name = nameOf(request);
  const path = join(request.home, "schedule-task.xml");
  const [program = "", ...words] = commandOf(request);
  const text = [
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">',
    "  <RegistrationInfo>",
    `    <Description>Slowwave learns from new sessions (${xml(SCHEDULE_MARK)})</Description>`,
    "  </RegistrationInfo>",
    "  <Triggers>",
    "    <TimeTrigger>",
    "      <Repetition>",
    `        <Interval>PT${request.everyMinutes}M</Interval>`,
    "      </Repetition>",
    "      <StartBoundary>2026-01-01T00:00:00</StartBoundary>",
    "      <Enabled>true</Enabled>",
    "    </TimeTrigger>",
    "  </Triggers>",
    "  <Settings>",
    "    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>",
    "    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>",
    "    <StartWhenAvailable>true</StartWhenAvailable>",
    "    <ExecutionTimeLimit>PT2H</ExecutionTimeLimit>",
    "    <Priority>8</Priority>",
    "  </Settings>",
    '  <Actions Context="Author">',
    "    <Exec>",
    `      <Command>${xml(program)}</Command>`,
    `      <Arguments>${xml(words.map(windowsWord).join(" "))}</Arguments>`,
    "    </Exec>",
    "  </Actions>",
    "</Task>",
    "",
  ].join("\r\n");
  return {
    scheduler: "Task Scheduler",
    name,
    files: [{ path, text }],
    enable: [["schtasks", "/create", "/tn", name, "/xml", path, "/f"]],
    disable: [["schtasks", "/delete", "/tn", name, "/f"]],
    hint: null,
  };
}

function xml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** As programs on Windows take their command line apart. */
function windowsWord(word: string): string {
  if (/^[\w@+=:,./\\-]+$/.test(word)) return word;
  return `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1")}"`;
}
