/** A command line that cannot be meant so: exit code 2, and nothing was done. */
export class UsageError extends Error {
  readonly code = 'ERR_USAGE'
}
