import type { MountPlan } from '../mount/plan.ts'
import { gathered } from '../mount/index.ts'
import { corruptContents, isAbsent } from '../store/index.ts'
import { GraphDriverError } from '../sys/index.ts'
import type { Stack } from './driver.ts'
import {
  dropView,
  ensureMounted,
  isMounted,
  makeView,
  takeDown,
  takeDownIfThere,
  type UnmountHow,
} from './mounts.ts'
import { inUse, isFrozen, readStack, type Session } from './session.ts'

export type ReferenceKind = 'plain' | 'view'

/** What this instance holds of one layer. It has one `use` lock while it is held at all, one `write` lock while `write`. */
interface Holding {
  readonly label: string | undefined
  /** The references, oldest first. */
  readonly kinds: ReferenceKind[]
  /** The union that is mounted for it; a base layer has none. */
  readonly plan: MountPlan | undefined
  /** The union was there before, and nobody held it. */
  readonly found: boolean
  write: boolean
  view?: string
}

export interface TakeOptions {
  readonly readOnly: boolean
  readonly label: string | undefined
  /** Where the view was, when a reference that was given back is taken again. */
  readonly view?: string | undefined
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

  /** Whether somebody may write to a layer, through a reference or by filling it, in this instance or another. */
  writable(id: string): boolean {
    const { locks } = this.#session.store
    return locks.heldHere('write', id) || locks.heldElsewhere('write', id)
  }

  /** Whether the first reference took over a mount that nobody held. */
  found(id: string): boolean {
    return this.#held.get(id)?.found === true
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
      if (!locks.hold('use', id)) throw inUse(id, 'it is being filled, unmounted or removed')
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
      if (isAbsent(diff)) throw corruptContents(layout, id, 'are missing')
    }
    const frozen = await isFrozen(this.#session, id)
    const label = options.label === undefined ? {} : { label: options.label }
    const wanted = driver.plan(stack, { readOnly: frozen, ...label })
    // A view is of whatever is mounted: who looks does not mind whether others may write.
    const others = options.readOnly ? driver.plan(stack, { readOnly: !frozen, ...label }) : undefined
    const plans = [wanted, others].filter((plan) => plan !== undefined)
    const { plan, made } = await this.#mount(stack, plans, frozen, label, old)
    const source = plan === undefined ? diff : target
    const found = plan !== undefined && !made && !store.locks.heldElsewhere('use', id)
    const holding = old ?? { label: options.label, kinds: [], plan, found, write: false }
    try {
      const path = options.readOnly
        ? (holding.view = await this.#viewOf(id, holding, source, options.view))
        : source
      if (!options.readOnly && !frozen && !holding.write) holding.write = store.locks.hold('write', id)
      holding.kinds.push(options.readOnly ? 'view' : 'plain')
      this.#held.set(id, holding)
      return path
    } catch (error) {
      if (made && old === undefined) await takeDown(this.#session, id, target)
      throw error
    }
  }

  /** One view serves all. It may have been unmounted behind our back, or by a put that failed: then it is made again where it was. */
  async #viewOf(id: string, { view }: Holding, source: string, former: string | undefined): Promise<string> {
    if (view === undefined) return makeView(this.#session, id, source, former)
    if (await isMounted(view)) return view
    await dropView(this.#session, id, view)
    return makeView(this.#session, id, source, view)
  }

  /** @param plans what may be mounted there; the first of them is mounted where nothing is. */
  async #mount(
    stack: Stack,
    plans: readonly MountPlan[],
    frozen: boolean,
    label: { label?: string },
    old: Holding | undefined,
  ): Promise<{ plan: MountPlan | undefined; made: boolean }> {
    const [wanted] = plans
    if (wanted === undefined) return { plan: undefined, made: false }
    const readOnly = old?.plan?.readOnly
    if (readOnly !== undefined && !plans.some((plan) => plan.readOnly === readOnly)) {
      throw mismatch(stack.layer.id, `it is held ${readOnly ? 'read-only' : 'writable'} by this instance`)
    }
    // Held and still there: nothing to ask anybody. Somebody may have unmounted it behind our back.
    if (old?.plan !== undefined && (await isMounted(stack.layer.target)))
      return { plan: old.plan, made: false }
    return ensureMounted(this.#session, stack, plans, { readOnly: frozen, held: old !== undefined, ...label })
  }

  /**
   * Gives a reference back, the newest one or the newest of a kind; the last one of anybody unmounts. A failure leaves the
   * reference.
   *
   * @returns what takes it again; undefined where none was held.
   */
  async give(id: string, how: UnmountHow, wanted?: ReferenceKind): Promise<TakeOptions | undefined> {
    const holding = this.#held.get(id)
    const kind = wanted ?? holding?.kinds.at(-1)
    if (holding === undefined || kind === undefined) {
      await this.#giveUnheld(id, how)
      return undefined
    }
    const given = { readOnly: kind === 'view', label: holding.label, view: holding.view }
    const last = holding.kinds.filter((one) => one === kind).length === 1
    // The view first: a copy in which somebody works is not seen by the unmount of the union, and would keep that alive.
    if (kind === 'view' && last && holding.view !== undefined) {
      await dropView(this.#session, id, holding.view, how)
      delete holding.view
    }
    if (holding.kinds.length === 1) await this.#end(id, holding, how, given.view)
    if (kind === 'plain' && last && holding.write) {
      this.#session.store.locks.release('write', id)
      holding.write = false
    }
    holding.kinds.splice(holding.kinds.lastIndexOf(kind), 1)
    if (holding.kinds.length > 0) return given
    this.#held.delete(id)
    this.#session.store.locks.release('use', id)
    return given
  }

  /** Gives every reference of this instance to a layer back, and leaves what is mounted: from then on nobody holds it. */
  leave(id: string): void {
    const holding = this.#held.get(id)
    if (holding === undefined) return
    const { locks, views } = this.#session.store
    if (holding.view !== undefined) views.forget(holding.view)
    if (holding.write) locks.release('write', id)
    this.#held.delete(id)
    locks.release('use', id)
  }

  /** Forgets every reference, whatever still uses the mounts; the locks go with their file. */
  clear(): void {
    this.#held.clear()
  }

  /**
   * Unmounts for the last reference of this instance, unless another instance still has one.
   *
   * @param view where the view was that is gone already: a failure brings it back.
   */
  async #end(id: string, holding: Holding, how: UnmountHow, view: string | undefined): Promise<void> {
    if (holding.plan === undefined || how.keep === true) return
    const { locks } = this.#session.store
    if (!locks.claim('use', id)) return
    const target = this.#session.layout.mount(id)
    try {
      await takeDownIfThere(this.#session, id, target, how)
    } catch (error) {
      throw gathered(error, await this.#bringBack(id, holding, target, view))
    } finally {
      locks.unclaim('use', id)
    }
  }

  /** A view that went for nothing comes back where it was; answers why it could not. */
  async #bringBack(
    id: string,
    holding: Holding,
    target: string,
    view: string | undefined,
  ): Promise<unknown[]> {
    try {
      if (view !== undefined && (await isMounted(target))) {
        holding.view = await makeView(this.#session, id, target, view)
      }
      return []
    } catch (error) {
      return [error]
    }
  }

  async #giveUnheld(id: string, how: UnmountHow): Promise<void> {
    const { locks, views } = this.#session.store
    const target = this.#session.layout.mount(id)
    // Views that outlived their process are copies of the mount: with one left, the kernel has the layer alive.
    await views.sweep((path) => dropView(this.#session, id, path, how), id)
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
