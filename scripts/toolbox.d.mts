/** The directory node_modules that holds a package at a version. */
export function fetched(name: string, version: string): string
/** The program of this name, installed if it is not there. */
export function tool(name: string): string
