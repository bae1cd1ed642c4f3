/**
 * The settings of a run, and their checks.
 * For the command line and the server; nothing here is promised to hosts.
 */
export { settingsFrom, settingsSchema } from "../engine/settings.ts";
