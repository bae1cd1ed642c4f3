/** The answer to an agent's hook. For the command line; nothing here is promised to hosts. */
export { hookAnswer } from "../delivery/hook.ts";
