/**
 * Does the same for several layers, one after the other, as rm(1) does for files: what fails for one is kept, and the others are gone on
 * with. An interruption ends it.
 *
 * @returns what failed, in order.
 */
export async function forEachLayer(
  ids: readonly string[],
  signal: AbortSignal,
  work: (id: string) => Promise<void>,
): Promise<unknown[]> {
  const failures: unknown[] = []
  for (const id of ids) {
    try {
      await work(id)
    } catch (error) {
      failures.push(signal.aborted ? signal.reason : error)
      if (signal.aborted) break
    }
  }
  return failures
}
