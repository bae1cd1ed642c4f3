/** Which project a folder is of, asked of git. For the command line and the server; nothing here is promised to hosts. */
export { gitAsker } from "../learning/git.ts";
export { isSame } from "../learning/projects.ts";
