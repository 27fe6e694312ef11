/** The directories of tests that each machine runs when nothing else is asked for. */
export const machines: Record<string, string[]>
/** The program that is Node.js there, files for mocha's --require, and what its environment needs. */
export function machine(name: string): { node: string; requires: string[]; env: Record<string, string> }
