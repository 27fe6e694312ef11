import { isMounted, takeDown } from './mounts.ts'
import type { References } from './references.ts'
import { inUse, type Session } from './session.ts'

/**
 * Who reads layers' own directories in this instance: each reader has a shared `use` lock, so that nobody removes the layer or fills it
 * meanwhile. Every method but `release` wants the layers' gates held.
 */
export class Readers {
  readonly #session: Session
  readonly #references: References
  constructor(session: Session, references: References) {
    this.#session = session
    this.#references = references
  }

  /**
   * Holds layers for a reader.
   *
   * @returns what gives them back: `release` wants no gate held, and may be called twice; `undo` is for who holds them still.
   * @throws GraphDriverError ERR_LAYER_IN_USE
   */
  async hold(ids: readonly string[]): Promise<{ release: () => Promise<void>; undo: () => void }> {
    const { locks } = this.#session.store
    const held: string[] = []
    const lingering = new Set<string>()
    for (const id of new Set(ids)) {
      const read = locks.heldHere('use', id)
      if (!locks.hold('use', id)) {
        for (const one of held) locks.release('use', one)
        throw inUse(id, 'it is being filled or removed')
      }
      held.push(id)
      if (!read && (await this.#isLeftOver(id))) lingering.add(id)
    }
    let released: Promise<void> | undefined
    return {
      release: () => (released ??= this.#release(held, lingering)),
      undo: () => {
        for (const id of held) locks.release('use', id)
      },
    }
  }

  /** A mount that nobody holds: whoever made it is dead, and it is not a reader's to take away. */
  async #isLeftOver(id: string): Promise<boolean> {
    return !this.#isHeld(id) && (await isMounted(this.#session.layout.mount(id)))
  }

  #isHeld(id: string): boolean {
    return this.#references.holds(id) || this.#session.store.locks.heldElsewhere('use', id)
  }

  async #release(ids: readonly string[], lingering: ReadonlySet<string>): Promise<void> {
    const { locks } = this.#session.store
    const leave = await locks.gates(ids)
    try {
      for (const id of ids) locks.release('use', id)
      // Where that fails it stays, as after a put that failed: what was read was read, and what was made of it is made.
      for (const id of ids) if (!lingering.has(id)) await this.#unmountUnheld(id).catch(() => undefined)
    } finally {
      leave()
    }
  }

  /** Who gave the last reference back could not unmount while somebody read. */
  async #unmountUnheld(id: string): Promise<void> {
    const { locks } = this.#session.store
    const target = this.#session.layout.mount(id)
    if (this.#references.holds(id) || locks.heldHere('use', id)) return
    if (!(await isMounted(target)) || !locks.claim('use', id)) return
    try {
      // Somebody may still be in it.
      await takeDown(this.#session, id, target)
    } finally {
      locks.unclaim('use', id)
    }
  }
}
