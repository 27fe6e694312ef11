import type { Layout } from '../store/index.ts'
import type { Call } from './call.ts'
import { nameMissing } from './session.ts'

/** Tars that come into one instance, and chains that are flattened: they have layers for long, and hold no gate meanwhile. */
export class Incoming {
  readonly #layout: Layout
  readonly #active = new Set<{ ids: readonly string[]; call: Call; done: Promise<unknown> }>()

  constructor(layout: Layout) {
    this.#layout = layout
  }

  /** Keeps track of one until it is done. */
  async take<T>(ids: readonly string[], call: Call, done: Promise<T>): Promise<T> {
    const incoming = { ids, call, done }
    this.#active.add(incoming)
    try {
      return await done
    } catch (error) {
      throw await nameMissing(this.#layout, ids, error)
    } finally {
      this.#active.delete(incoming)
    }
  }

  /** Waits until what was aborted has given these layers back. */
  async settle(ids: readonly string[]): Promise<void> {
    for (const incoming of [...this.#active]) {
      const aborted = incoming.call.signal?.aborted === true
      if (aborted && ids.some((id) => incoming.ids.includes(id))) await incoming.done.catch(() => undefined)
    }
  }
}
