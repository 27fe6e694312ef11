import type { MountPlan } from '../mount/plan.ts'
import { corrupt, hasChildren, present } from '../store/index.ts'
import { GraphDriverError } from '../sys/index.ts'
import type { Stack } from './driver.ts'
import { dropView, ensureMounted, isMounted, makeView, takeDown, type UnmountHow } from './mounts.ts'
import { inUse, readStack, type Session } from './session.ts'

/** What this instance holds of one layer. It has one `use` lock while it is held at all, one `write` lock while `write`. */
interface Holding {
  readonly label: string | undefined
  /** The references, oldest first. */
  readonly kinds: ('plain' | 'view')[]
  /** Whether the union is mounted for it; a base layer has none. */
  readonly mounted: boolean
  write: boolean
  view?: string
}

export interface TakeOptions {
  readonly readOnly: boolean
  readonly label: string | undefined
}

/** The references of one instance. Every method wants the layer's gate held. */
export class References {
  readonly #session: Session
  readonly #held = new Map<string, Holding>()

  constructor(session: Session) {
    this.#session = session
  }

  holds(id: string): boolean {
    return this.#held.has(id)
  }

  /** Whether somebody may write to a layer through a reference, of this instance or another. */
  writable(id: string): boolean {
    return this.#held.get(id)?.write === true || this.#session.store.locks.heldElsewhere('write', id)
  }

  ids(): string[] {
    return [...this.#held.keys()]
  }

  /** Takes a reference and answers its path; a failure leaves no reference, no lock and no mount. */
  async take(id: string, options: TakeOptions): Promise<string> {
    const { locks } = this.#session.store
    const stack = await readStack(this.#session.layout, id)
    const old = this.#held.get(id)
    if (old === undefined) {
      if (!locks.hold('use', id)) throw inUse(id, 'it is being unmounted or removed')
    } else if (old.label !== options.label) {
      throw mismatch(
        id,
        `it is held with the mount label ${old.label ?? '(none)'}, not ${options.label ?? '(none)'}`,
      )
    }
    try {
      return await this.#join(stack, old, options)
    } catch (error) {
      if (old === undefined) locks.release('use', id)
      throw error
    }
  }

  async #join(stack: Stack, old: Holding | undefined, options: TakeOptions): Promise<string> {
    const { layout, driver, store } = this.#session
    const { id, diff, target } = stack.layer
    if (old === undefined) {
      await driver.populate?.(stack, store.staging)
      if (!(await present(diff))) throw corrupt(layout, id, 'its contents are missing')
    }
    const frozen = await hasChildren(layout, id)
    const label = options.label === undefined ? {} : { label: options.label }
    const plan = driver.plan(stack, { readOnly: frozen, ...label })
    const made = plan !== undefined && (await this.#mount(stack, plan, frozen, label, old))
    const source = plan === undefined ? diff : target
    const holding = old ?? { label: options.label, kinds: [], mounted: plan !== undefined, write: false }
    try {
      const path = options.readOnly ? (holding.view ??= await makeView(this.#session, id, source)) : source
      if (!options.readOnly && !frozen && !holding.write) holding.write = store.locks.hold('write', id)
      holding.kinds.push(options.readOnly ? 'view' : 'plain')
      this.#held.set(id, holding)
      return path
    } catch (error) {
      if (made && old === undefined) await takeDown(this.#session, id, target)
      throw error
    }
  }

  async #mount(
    stack: Stack,
    plan: MountPlan,
    frozen: boolean,
    label: { label?: string },
    old: Holding | undefined,
  ): Promise<boolean> {
    // Held and still there: nothing to ask anybody. Somebody may have unmounted it behind our back.
    if (old?.mounted === true && (await isMounted(stack.layer.target))) return false
    return ensureMounted(this.#session, stack, plan, { readOnly: frozen, held: old !== undefined, ...label })
  }

  /** Gives the newest reference back; the last one of anybody unmounts. A failure leaves the reference. */
  async give(id: string, how: UnmountHow): Promise<void> {
    const holding = this.#held.get(id)
    if (holding === undefined) {
      await this.#giveUnheld(id, how)
      return
    }
    const kind = holding.kinds.at(-1)
    const last = holding.kinds.filter((one) => one === kind).length === 1
    if (kind === 'view' && last && holding.view !== undefined) {
      await dropView(this.#session, id, holding.view, how)
      delete holding.view
    }
    if (holding.kinds.length === 1) await this.#end(id, holding, how)
    if (kind === 'plain' && last && holding.write) {
      this.#session.store.locks.release('write', id)
      holding.write = false
    }
    holding.kinds.pop()
    if (holding.kinds.length > 0) return
    this.#held.delete(id)
    this.#session.store.locks.release('use', id)
  }

  /** Forgets every reference, whatever still uses the mounts; the locks go with their file. */
  clear(): void {
    this.#held.clear()
  }

  /** Unmounts for the last reference of this instance, unless another instance still has one. */
  async #end(id: string, holding: Holding, how: UnmountHow): Promise<void> {
    if (!holding.mounted) return
    const { locks } = this.#session.store
    if (!locks.claim('use', id)) return
    try {
      const target = this.#session.layout.mount(id)
      if (await isMounted(target)) await takeDown(this.#session, id, target, how)
    } finally {
      locks.unclaim('use', id)
    }
  }

  async #giveUnheld(id: string, how: UnmountHow): Promise<void> {
    const { locks } = this.#session.store
    const target = this.#session.layout.mount(id)
    if (!(await isMounted(target))) return
    if (!locks.claim('use', id)) throw inUse(id, 'another instance holds it, and this one does not')
    try {
      await takeDown(this.#session, id, target, how)
    } finally {
      locks.unclaim('use', id)
    }
  }
}

function mismatch(id: string, why: string): GraphDriverError {
  return new GraphDriverError('ERR_MOUNT_MISMATCH', `layer "${id}" cannot be had so: ${why}`, { id })
}
