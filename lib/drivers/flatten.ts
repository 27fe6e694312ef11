import { supervise } from '../archive/progress.ts'
import { type DetachedMount, list } from '../mount/index.ts'
import { corruptContents, type Layout, present, settle, step, unless } from '../store/index.ts'
import { FlattenJob } from '../sys/flatten.ts'
import type { Call } from './call.ts'
import { formOf, viewOf, type Views } from './comparison.ts'
import { type Contents, createLayer, prepareCreation, refuseWritable } from './creation.ts'
import type { Stack } from './driver.ts'
import type { CallOptions } from './graph-driver.ts'
import { mountViews } from './mounted-views.ts'
import { Readers } from './readers.ts'
import type { References } from './references.ts'
import { removeLayer } from './removal.ts'
import { behindGates, inUse, readStack, type Session } from './session.ts'
import { uncover } from './uncover.ts'

/**
 * Makes one base layer of a whole chain: what a mount of `id` would show. It exists whole or not at all. While it is copied no gate is held;
 * the chain is frozen, and cannot be removed.
 *
 * Files are copied, or share their blocks where the filesystem can (reflink), and are never links of those in the chain: a base layer is its
 * bare directory, and whoever writes through it would write to the layers that it was made of.
 */
export async function flattenLayer(
  session: Session,
  references: References,
  { id, newId }: { readonly id: string; readonly newId: string },
  options: CallOptions,
  call: Call,
): Promise<void> {
  const { locks } = session.store
  const ids = [id, newId]
  const { stack, give } = await behindGates(session, ids, call.signal, async () => {
    await prepareCreation(session, references, { id: newId, parent: undefined })
    const found = await wholeStack(session, references, id)
    const held = await new Readers(session, references).hold([id])
    locks.hold('freeze', id)
    return { stack: found, give: held.release }
  })
  try {
    await using staged = await merge(session, references, stack, newId, options)
    await behindGates(session, ids, call.signal, async () => {
      call.signal?.throwIfAborted()
      await createLayer(session, references, { id: newId, parent: undefined }, staged)
      if (!call.commit()) await removeLayer(session, references, newId)
    })
  } finally {
    await behindGates(session, [id], undefined, () => {
      locks.release('freeze', id)
      return Promise.resolve()
    })
    await give()
  }
}

/** A layer that nobody can write to, and all below it. */
async function wholeStack(session: Session, references: References, id: string): Promise<Stack> {
  const { layout, driver, store } = session
  await settle(layout, id, store.layerDirectories)
  const stack = await readStack(layout, id)
  for (const layer of [stack.layer, ...stack.ancestors]) {
    if (!(await present(layer.diff))) throw corruptContents(layout, layer.id, 'are missing')
  }
  if (references.writable(id)) throw inUse(id, 'it is held writable, and what is copied must not change')
  await refuseWritable(session, references, id)
  if (stack.lowers.length > 0) await driver.beforeRead?.(stack.layer)
  return stack
}

/** Copies what a stack shows into a new directory of the staging area; disposing it deletes what is left there. */
async function merge(
  session: Session,
  references: References,
  stack: Stack,
  newId: string,
  options: CallOptions,
): Promise<Contents & AsyncDisposable> {
  const { staging } = session.store
  const path = await staging.make(newId)
  let moved = false
  const contents = {
    path,
    forget: () => {
      moved = true
      staging.forget(path)
    },
    [Symbol.asyncDispose]: async () => {
      if (!moved) await staging.discard(path)
    },
  }
  try {
    await copyView(session, references, stack, path, options)
    await step('copied the chain')
    await staging.persist(path)
    return contents
  } catch (error) {
    await contents[Symbol.asyncDispose]()
    throw error
  }
}

async function copyView(
  session: Session,
  references: References,
  stack: Stack,
  to: string,
  options: CallOptions,
): Promise<void> {
  const { driver, layout } = session
  // Where the directories do not tell all, their mount does.
  if (driver.indirect === true && stack.lowers.length > 0) {
    const { views, drop } = await behindGates(session, [stack.layer.id], options.signal, () =>
      mountViews(session, references, { stack, below: undefined, own: false }),
    )
    try {
      await copy(views, to, options)
    } finally {
      await drop()
    }
    return
  }
  await using uncovered = await uncoverLayers(layout, await viewOf(driver, stack))
  await copy({ layers: uncovered.layers, form: formOf(driver) }, to, options)
}

async function copy(
  { layers, form }: Pick<Views, 'layers' | 'form'>,
  to: string,
  options: CallOptions,
): Promise<void> {
  options.signal?.throwIfAborted()
  const job = new FlattenJob({ layers, to, form, lenient: process.geteuid?.() !== 0 })
  await supervise(job, options, () => job.run())
}

/** Directories as they are without what somebody mounted in them, where this process may copy mounts. */
async function uncoverLayers(
  layout: Layout,
  layers: readonly string[],
): Promise<AsyncDisposable & { readonly layers: readonly string[] }> {
  // Without /proc nobody knows; what is covered is refused when it is met.
  const table = await unless(list({ prefix: layout.directory('diff') }), ['ENOENT'], [])
  const mounts = table.map((entry) => entry.mountPoint)
  const copies: DetachedMount[] = []
  const dispose = async (): Promise<void> => {
    for (const one of copies) await one[Symbol.asyncDispose]()
  }
  try {
    const paths: string[] = []
    for (const layer of layers) {
      const covered = mounts.some((path) => path.startsWith(`${layer}/`))
      const clone = covered ? await uncover(layer) : undefined
      if (clone !== undefined) copies.push(clone)
      paths.push(clone?.path ?? layer)
    }
    return { layers: paths, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}
