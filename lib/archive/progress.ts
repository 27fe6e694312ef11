/** How far a tar is. */
export interface Progress {
  /** Bytes of the tar. */
  readonly bytes: number
  /** Entries of the tar. */
  readonly entries: number
}

export interface ProgressOptions {
  signal?: AbortSignal
  /** Called now and then while a tar is made or read, and at its end. */
  onProgress?: (progress: Progress) => void
}
