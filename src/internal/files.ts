/**
 * Folders held open on this machine. Apart from the pages that compare and render, since every command opens some.
 * For the command line and the server; nothing here is promised to hosts.
 */
export { nodeFiles } from "../files/node-files.ts";
