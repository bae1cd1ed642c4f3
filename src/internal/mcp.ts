/** The memory as an MCP server; apart, since it loads the SDK. For the command line; nothing here is promised to hosts. */
export { serveMcp } from "../delivery/mcp.ts";
