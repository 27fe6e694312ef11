import { unlessAborted } from '../sys/abort.ts'

/** One call of a verb: aborted, or committed, never both. */
export class Call {
  readonly signal: AbortSignal | undefined
  #committed = false

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal
  }

  /** From here on an abort comes too late. False: it came before, and what was done is to be undone. */
  commit(): boolean {
    if (this.signal?.aborted === true) return false
    this.#committed = true
    return true
  }

  /** What the work answers, or the signal's reason at once, while the work goes on to undo what it does. */
  settle<T>(running: Promise<T>): Promise<T> {
    const { signal } = this
    return signal === undefined ? running : unlessAborted(running, signal, () => !this.#committed)
  }
}
