import { unlessAborted } from '../sys/abort.ts'
import { invalidType } from '../sys/arguments.ts'

/**
 * Reads an async iterable one piece at a time, and only when asked: so nothing is under way when the reader stops,
 * and a source that never answers holds up nobody but who waits for it.
 */
export class Pull {
  readonly #iterator: AsyncIterator<unknown>
  readonly #signal: AbortSignal | undefined
  #returned: Uint8Array | undefined
  #done = false
  #waiting = false

  constructor(source: AsyncIterable<unknown>, signal: AbortSignal | undefined) {
    this.#iterator = source[Symbol.asyncIterator]()
    this.#signal = signal
  }

  /**
   * The next piece, never empty; undefined at the end.
   *
   * @throws what the source throws; the reason of the signal; TypeError for a piece that is no Uint8Array.
   */
  async next(): Promise<Uint8Array | undefined> {
    const returned = this.#returned
    this.#returned = undefined
    if (returned !== undefined && returned.length > 0) return returned
    while (!this.#done) {
      const { done, value } = await this.#step()
      if (done === true) break
      if (!(value instanceof Uint8Array))
        throw invalidType('chunk', 'an instance of Buffer or Uint8Array', value)
      if (value.length > 0) return value
    }
    return undefined
  }

  /** As many pieces as make `size` bytes, as one; fewer bytes only when there are no more. */
  async atLeast(size: number): Promise<Uint8Array> {
    const first = await this.next()
    if (first === undefined || first.length >= size) return first ?? new Uint8Array(0)
    const parts = [Buffer.from(first)]
    let total = first.length
    while (total < size) {
      const part = await this.next()
      if (part === undefined) break
      parts.push(Buffer.from(part))
      total += part.length
    }
    return Buffer.concat(parts)
  }

  /** Gives a piece back; it is the next one again. */
  unshift(chunk: Uint8Array): void {
    this.#returned = chunk
  }

  /** Ends the source, unless it ended by itself. */
  async end(): Promise<void> {
    if (this.#done) return
    this.#done = true
    const ended = this.#iterator.return?.()
    if (ended === undefined) return
    // A source that is still asked for a piece (after an abort) may take for ever to end; its failure interests nobody.
    if (this.#waiting) void Promise.resolve(ended).catch(() => undefined)
    else await ended
  }

  async #step(): Promise<IteratorResult<unknown, unknown>> {
    const signal = this.#signal
    signal?.throwIfAborted()
    this.#waiting = true
    const next = this.#iterator.next().then(
      (result) => this.#arrived(result.done === true, result),
      // An iterator that threw is at its end, and is not to be ended once more.
      (error: unknown) => {
        this.#arrived(true, undefined)
        throw error
      },
    )
    return signal === undefined ? next : unlessAborted(next, signal)
  }

  #arrived<T>(done: boolean, result: T): T {
    this.#waiting = false
    this.#done ||= done
    return result
  }
}
