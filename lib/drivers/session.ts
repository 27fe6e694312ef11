import {
  codeOf,
  corruptContents,
  hasChildren,
  type Layout,
  present,
  readChain,
  refuseForeignContents,
  type Store,
} from '../store/index.ts'
import { GraphDriverError } from '../sys/index.ts'
import type { Driver, LayerPaths, Stack } from './driver.ts'

/** One opened root: what its verbs share. */
export interface Session {
  readonly layout: Layout
  readonly driver: Driver
  readonly store: Store
}

/** Where a layer lies. */
export function pathsOf(layout: Layout, id: string): LayerPaths {
  return {
    id,
    diff: layout.diff(id),
    target: layout.mount(id),
    own: (directory) => layout.own(directory, id),
  }
}

/**
 * A layer and all below it.
 *
 * @throws GraphDriverError ERR_LAYER_NOT_FOUND, ERR_LAYER_CORRUPT
 */
export async function readStack(layout: Layout, id: string): Promise<Stack> {
  const chain = await readChain(layout, id)
  refuseForeignContents(layout, id, chain)
  const ancestors = chain.map((ancestor) => pathsOf(layout, ancestor))
  return { layer: pathsOf(layout, id), ancestors, lowers: ancestors.map((ancestor) => ancestor.diff) }
}

/** Brings a layer that is copied at its first use up to date. The caller holds its gate. */
export async function populate({ layout, driver, store }: Session, id: string): Promise<void> {
  await driver.populate?.(await readStack(layout, id), store.staging)
}

/** How calls fail that do not find a directory; aufs says EINVAL of any branch that it cannot take. */
const NOT_FOUND = ['ENOENT', 'EINVAL']

/** An error of a call that found something missing: where that is the contents of one of these layers, or of one below, it says so. */
export async function nameMissing(layout: Layout, ids: readonly string[], error: unknown): Promise<unknown> {
  if (!NOT_FOUND.includes(codeOf(error) ?? '')) return error
  for (const id of ids) {
    const chain = await readChain(layout, id).catch(() => undefined)
    for (const one of chain === undefined ? [] : [id, ...chain]) {
      if (!(await present(layout.diff(one)))) return corruptContents(layout, one, 'are missing', error)
    }
  }
  return error
}

/** Works behind the gates of these layers. */
export async function behindGates<T>(
  { store }: Session,
  ids: readonly string[],
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const leave = await store.locks.gates(ids, signal)
  try {
    return await work()
  } finally {
    leave()
  }
}

/** Whether a layer never changes any more: it has children, or one is being made. The caller holds its gate. */
export async function isFrozen({ layout, store }: Session, id: string): Promise<boolean> {
  const { locks } = store
  return locks.heldHere('freeze', id) || locks.heldElsewhere('freeze', id) || (await hasChildren(layout, id))
}

/** A layer that somebody uses, and who. */
export function inUse(id: string, who: string): GraphDriverError {
  return new GraphDriverError('ERR_LAYER_IN_USE', `layer "${id}" is in use: ${who}`, { id })
}
