import { changes } from '../archive/changes.ts'
import type { TarSource } from '../archive/source.ts'
import { unpack } from '../archive/unpack.ts'
import {
  copyDirectoryAttributes,
  exchange,
  hasChildren,
  type Layout,
  namesIn,
  notFound,
  present,
  setBaseAttributes,
  settle,
  step,
  syncDirectory,
} from '../store/index.ts'
import { GraphDriverError } from '../sys/index.ts'
import type { Call } from './call.ts'
import { formOf, viewOf } from './comparison.ts'
import type { Driver, Stack } from './driver.ts'
import type { ApplyOptions, ApplyResult } from './graph-driver.ts'
import { undone } from '../mount/abort.ts'
import { isMounted, refuseAlive } from './mounts.ts'
import type { References } from './references.ts'
import { hideRootBelow } from './root-opaque.ts'
import { behindGates, inUse, isFrozen, readStack, type Session } from './session.ts'

/**
 * Unpacks a tar into a layer that is empty: aside, and then put in its place at one instant. While it is unpacked the layer is
 * nobody else's, but no gate is held; what a death leaves aside is swept.
 *
 * @throws GraphDriverError ERR_LAYER_NOT_FOUND, ERR_LAYER_CORRUPT, ERR_LAYER_IN_USE, ERR_LAYER_HAS_CHILDREN, ERR_LAYER_NOT_EMPTY,
 * ERR_ARCHIVE_*
 */
export async function applyLayer(
  session: Session,
  references: References,
  id: string,
  tar: TarSource,
  options: ApplyOptions,
  call: Call,
): Promise<ApplyResult> {
  const { store } = session
  const stack = await behindGates(session, [id], call.signal, () => seize(session, references, id))
  try {
    await using staged = await stage(session, stack, stack.layer.diff, tar, options)
    await behindGates(session, [id], call.signal, async () => {
      // All that is left is to put it in its place: an abort comes too late from here on.
      if (!call.commit()) call.signal?.throwIfAborted()
      await putInPlace(session, stack, staged.path)
    })
    return staged.result
  } finally {
    await behindGates(session, [id], undefined, () => {
      store.locks.release('write', id)
      store.locks.unclaim('use', id)
      return Promise.resolve()
    })
  }
}

/** Makes sure that a layer is empty and nobody's, and takes it. */
async function seize(session: Session, references: References, id: string): Promise<Stack> {
  const { layout, store } = session
  await settle(layout, id, store.layerDirectories)
  if (!(await present(layout.metadata(id)))) throw notFound(layout, id)
  const stack = await readStack(layout, id)
  if (references.holds(id)) throw inUse(id, 'this instance holds a reference')
  if (store.locks.heldHere('use', id)) throw inUse(id, 'this instance is reading it')
  if (await hasChildren(layout, id)) {
    throw new GraphDriverError('ERR_LAYER_HAS_CHILDREN', `layer "${id}" has children, so it never changes`, {
      id,
    })
  }
  if (await isFrozen(session, id)) throw inUse(id, 'a child of it is being made')
  if (!store.locks.claim('use', id)) throw inUse(id, 'somebody holds a reference, or is filling it')
  try {
    if (await isMounted(stack.layer.target)) {
      throw inUse(
        id,
        `it is mounted at ${stack.layer.target}, though nobody holds it: cleanup() takes that away`,
      )
    }
    await refuseAlive(session, stack)
    await refuseFilled(session, stack)
    store.locks.hold('write', id)
    return stack
  } catch (error) {
    store.locks.unclaim('use', id)
    throw error
  }
}

async function refuseFilled({ driver, layout }: Session, stack: Stack): Promise<void> {
  const { id, diff } = stack.layer
  const found = await contentsOf(driver, layout, stack)
  if (found.length === 0) return
  throw new GraphDriverError(
    'ERR_LAYER_NOT_EMPTY',
    `layer "${id}" holds something already (${found.slice(0, 3).join(', ')}); a tar is applied to an empty layer only`,
    { id, path: diff },
  )
}

/** What a layer holds of its own; what aufs keeps for itself in it (`.wh..wh.aufs` and more) does not count. */
async function contentsOf(driver: Driver, layout: Layout, stack: Stack): Promise<string[]> {
  const { diff } = stack.layer
  const [parent] = stack.ancestors
  if (driver.whiteouts !== 'none' || parent === undefined) {
    const isOwn = (name: string): boolean => driver.whiteouts !== 'aufs' || !name.startsWith('.wh..wh.')
    return (await namesIn(diff)).filter(isOwn)
  }
  const [layers, parents] = [
    await viewOf(driver, stack),
    await viewOf(driver, await readStack(layout, parent.id)),
  ]
  const found = await changes({ layers, parents, form: 'plain', judge: 'exact' })
  return found.map(({ path }) => path)
}

/** A tar that was unpacked aside; disposing it deletes what is left there. */
export interface Staged extends AsyncDisposable {
  readonly path: string
  readonly result: ApplyResult
  /** It was moved to where it belongs: nothing is left to delete. */
  forget(): void
}

/** The archive wants everything below hidden, and the layer's form cannot say so. */
const ROOT_OPAQUE = 'ROOT_OPAQUE'

/**
 * Unpacks a tar into a new directory of the staging area.
 *
 * @param attributes a directory whose owner, mode and extended attributes the new one takes; undefined: 0755, 0:0.
 */
export async function stage(
  { driver, store }: Session,
  stack: Stack,
  attributes: string | undefined,
  tar: TarSource,
  options: ApplyOptions,
): Promise<Staged> {
  const { staging } = store
  const path = await staging.make(stack.layer.id)
  try {
    if (attributes === undefined) await setBaseAttributes(path)
    else await copyDirectoryAttributes(attributes, path)
    await driver.fill?.(stack, path)
    await step('made room for a tar')
    const { limits, signal, onProgress } = options
    const form = formOf(driver)
    let result = await unpack(path, tar, {
      form,
      // A plain directory is a copy: what it lacks, nobody below has.
      ...(form !== 'plain' && { lowers: stack.lowers }),
      name: stack.layer.diff,
      ...(limits && { limits }),
      ...(signal && { signal }),
      ...(onProgress && { onProgress }),
    })
    if (result.warnings.some(({ code }) => code === ROOT_OPAQUE)) {
      await hideRootBelow(path, stack.lowers, form)
      result = { ...result, warnings: result.warnings.filter(({ code }) => code !== ROOT_OPAQUE) }
    }
    await step('unpacked')
    await staging.persist(path)
    let moved = false
    return {
      path,
      result,
      forget: () => {
        moved = true
        staging.forget(path)
      },
      [Symbol.asyncDispose]: async () => {
        if (!moved) await staging.discard(path)
      },
    }
  } catch (error) {
    await staging.discard(path)
    throw error
  }
}

/** Exchanges what was unpacked with the layer's empty directory, which is deleted with the staging area's entry. */
async function putInPlace({ driver, layout, store }: Session, stack: Stack, staged: string): Promise<void> {
  await driver.replacing?.(stack.layer)
  await step('ready to put in place')
  await exchange(staged, stack.layer.diff)
  try {
    await step('put in place')
    if (store.sync !== 'none') await syncDirectory(layout.directory('diff'))
    await driver.filled?.(stack.layer)
    await step('filled')
  } catch (error) {
    // A call that fails changes nothing.
    throw await undone(error, exchange(staged, stack.layer.diff))
  }
}
