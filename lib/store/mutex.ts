import { abortable } from '../mount/index.ts'

/** A turnstile by key: whoever enters a key waits until the one before has left. In memory only, for one process. */
export class Mutex<Key> {
  readonly #tails = new Map<Key, Promise<void>>()

  /**
   * Waits for the key; answers the function that leaves it. An aborted wait rejects with the signal's reason
   * and never holds up those behind it.
   */
  async enter(key: Key, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    const before = this.#tails.get(key)
    let leave!: () => void
    const mine = new Promise<void>((resolve) => {
      leave = resolve
    })
    const tail = before === undefined ? mine : before.then(() => mine)
    this.#tails.set(key, tail)
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    })
    try {
      if (before !== undefined) await abortable(signal, () => before)
    } catch (reason) {
      leave()
      throw reason
    }
    return leave
  }
}
