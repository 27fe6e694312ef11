import { rename } from 'node:fs/promises'
import {
  childrenOf,
  codeOf,
  deleteTree,
  erase,
  namesIn,
  notFound,
  orLater,
  present,
  readParent,
  settle,
  step,
  syncDirectory,
  unless,
} from '../store/index.ts'
import { GraphDriverError } from '../sys/index.ts'
import { undone } from '../mount/abort.ts'
import { isMounted, mountsInside, refuseAlive, takeDown } from './mounts.ts'
import type { References } from './references.ts'
import { inUse, readStack, type Session } from './session.ts'

/**
 * Removes a layer. It is gone from one instant on: the rename of its metadata. What is deleted after that is completed
 * by the next sweep if this process dies, or cannot delete it.
 */
export async function removeLayer(session: Session, references: References, id: string): Promise<void> {
  const { layout, store } = session
  await settle(layout, id, store.layerDirectories)
  if (!(await present(layout.metadata(id)))) throw notFound(layout, id)
  if (references.holds(id)) throw inUse(id, 'this instance holds a reference')
  if (store.locks.heldHere('use', id)) throw inUse(id, 'this instance is reading it')
  await refuseChildren(session, id)
  if (!store.locks.claim('use', id)) throw inUse(id, 'another instance holds a reference')
  try {
    await clearMount(session, id)
    const parent = await unless(readParent(layout, id), ['ERR_LAYER_CORRUPT'], undefined)
    await step('ready to remove')
    await commitRemoval(session, id)
    await step('gone')
    // The layer is gone, as it was asked for, whatever becomes of the rest.
    await orLater(layout.gone(id), eraseGone(session, id, parent))
  } finally {
    store.locks.unclaim('use', id)
  }
}

/** The instant at which the layer is gone. Where that cannot be made to last, it is taken back: a call that fails changes nothing. */
async function commitRemoval({ layout, store }: Session, id: string): Promise<void> {
  await rename(layout.metadata(id), layout.gone(id))
  await step('renamed metadata')
  if (store.sync === 'none') return
  try {
    await syncDirectory(layout.directory('layers'))
  } catch (error) {
    throw await undone(error, rename(layout.gone(id), layout.metadata(id)))
  }
}

async function eraseGone({ layout, store }: Session, id: string, parent: string | undefined): Promise<void> {
  await erase(layout, id, parent, store.layerDirectories)
  await step('erased')
  await deleteTree(layout.gone(id))
  await step('removed')
}

async function refuseChildren({ layout }: Session, id: string): Promise<void> {
  const children = await childrenOf(layout, id)
  if (children.length === 0) return
  const shown =
    children.slice(0, 3).join(', ') + (children.length > 3 ? ` and ${String(children.length - 3)} more` : '')
  throw new GraphDriverError('ERR_LAYER_HAS_CHILDREN', `layer "${id}" has children: ${shown}`, { id })
}

/** No mount may be left: not at the mount point, not in another namespace, and no files of somebody's under it. */
async function clearMount(session: Session, id: string): Promise<void> {
  const target = session.layout.mount(id)
  if (await isMounted(target)) await takeDown(session, id, target, { discard: true })
  const stack = await readStack(session.layout, id).catch((error: unknown) => {
    // Metadata that cannot be read is no reason to keep the layer; what the kernel knows then stays unasked.
    if (codeOf(error) === 'ERR_LAYER_CORRUPT') return undefined
    throw error
  })
  if (stack !== undefined) await refuseAlive(session, stack, true)
  await refuseMountsInside(session, id)
  const names = await namesIn(target)
  if (names.length === 0) return
  throw new GraphDriverError(
    'ERR_LAYER_NOT_EMPTY',
    `${target} holds files that were written while nothing was mounted there (${names.slice(0, 3).join(', ')}); move them away first`,
    { id, path: target },
  )
}

/** What somebody mounted in the layer's own directories would stop the deletion half-way. */
async function refuseMountsInside(session: Session, id: string): Promise<void> {
  const found = await mountsInside(session, id)
  if (found.length === 0) return
  throw new GraphDriverError(
    'ERR_LAYER_BUSY',
    `layer "${id}" cannot be removed: there are mounts in it (${found.slice(0, 5).join(', ')}${found.length > 5 ? ', …' : ''}); unmount them first`,
    { id, path: session.layout.diff(id) },
  )
}
