/** How far a tar is. */
export interface Progress {
  /** Bytes of the tar. */
  readonly bytes: number
  /** Entries of the tar. */
  readonly entries: number
}

/** How long work is ended early, and how it tells how far it is. */
export interface ProgressOptions {
  signal?: AbortSignal
  /** Called now and then while a tar is made or read, and at its end. */
  onProgress?: (progress: Progress) => void
}

/** Milliseconds between two reports. */
export const reportInterval = 100

/** Native work that can be ended, and that tells how far it is. */
export interface Supervised {
  cancel(): void
  progress(): Progress
}

/**
 * Runs native work to its end, with reports meanwhile and one at the end; an abort ends it.
 *
 * @throws what the work fails with; the signal's reason after an abort.
 */
export async function supervise<T>(
  job: Supervised,
  { signal, onProgress }: ProgressOptions,
  work: () => Promise<T>,
): Promise<T> {
  const cancel = (): void => {
    job.cancel()
  }
  const report = (): void => onProgress?.(job.progress())
  const reporting = onProgress && setInterval(report, reportInterval)
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    const result = await work()
    report()
    return result
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    clearInterval(reporting)
    signal?.removeEventListener('abort', cancel)
  }
}
