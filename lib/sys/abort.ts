/**
 * What the work answers, or a rejection with the signal's reason as soon as it is aborted, while the work goes on.
 *
 * @param taken asked when the signal is aborted, whether that still counts.
 */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  taken: () => boolean = () => true,
): Promise<T> {
  let onAbort = (): void => undefined
  const aborted = new Promise<void>((resolve) => {
    onAbort = () => {
      if (taken()) resolve()
    }
    // It may be the work that aborts, while it is begun.
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  const abortion = aborted.then((): never => {
    throw signal.reason
  })
  try {
    return await Promise.race([work, abortion])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
