/** As many layers as are worked on at once: the disk is the slow part. */
const LANES = 4

/** Calls `work` for every layer, some at a time, until one fails or the signal is aborted; waits for all that has begun. */
export async function inLanes(
  ids: readonly string[],
  signal: AbortSignal | undefined,
  work: (id: string) => Promise<void>,
): Promise<void> {
  const rest = [...ids]
  let failed = false
  const lane = async (): Promise<void> => {
    for (let id = rest.shift(); id !== undefined && !failed; id = rest.shift()) {
      try {
        signal?.throwIfAborted()
        await work(id)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: LANES }, lane))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
