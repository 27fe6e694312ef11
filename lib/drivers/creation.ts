import { mkdir, rename } from 'node:fs/promises'
import type { TarSource } from '../archive/source.ts'
import {
  codeOf,
  copyDirectoryAttributes,
  formatChain,
  corruptContents,
  ensureDirectory,
  hasChildren,
  metadataMode,
  present,
  readChain,
  recordChild,
  setBaseAttributes,
  settle,
  step,
  syncDirectory,
  writeNewFile,
} from '../store/index.ts'
import { undone } from '../mount/abort.ts'
import { AT_FDCWD, GraphDriverError, RENAME_NOREPLACE, renameat2 } from '../sys/index.ts'
import { type Staged, stage } from './applying.ts'
import type { Call } from './call.ts'
import type { Stack } from './driver.ts'
import type { ApplyOptions, ApplyResult } from './graph-driver.ts'
import { isMounted, refuseAlive, takeDown } from './mounts.ts'
import type { References } from './references.ts'
import { removeLayer } from './removal.ts'
import { behindGates, inUse, pathsOf, readStack, type Session } from './session.ts'

/** What a layer is called, and what is below it. */
export interface NewLayer {
  readonly id: string
  readonly parent: string | undefined
}

/** What a new layer begins with, made aside. */
export type Contents = Pick<Staged, 'path' | 'forget'>

/**
 * Makes a layer. It exists from one instant on: the rename of its metadata. What a failure or a death leaves before that is
 * an intent, which is undone here, by the next call for this id, or by the next sweep.
 */
export async function createLayer(
  session: Session,
  references: References,
  { id, parent }: NewLayer,
  staged?: Contents,
): Promise<void> {
  const { layout, store } = session
  const directories = store.layerDirectories
  const chain = await prepareCreation(session, references, { id, parent })
  try {
    await writeNewFile(layout.made(id), formatChain(chain), store.sync !== 'none', metadataMode(chain))
    await step('wrote intent')
    await makeDirectories(session, id, parent, staged)
    if (store.sync !== 'none') await syncNames(session, parent)
    await step('ready to commit')
    await commit(session, id)
  } catch (error) {
    throw await undone(error, settle(layout, id, directories))
  }
}

/**
 * What a layer's metadata tells of has to be on disk before it: not every filesystem writes names down in the order in which they
 * were made (btrfs does not). A parent that does not know its child could be removed.
 */
async function syncNames({ layout, store }: Session, parent: string | undefined): Promise<void> {
  const directories = store.layerDirectories.map((name) => layout.directory(name))
  if (parent !== undefined) directories.push(layout.children(parent), layout.directory('children'))
  for (const directory of directories) await syncDirectory(directory)
}

/** Refuses what cannot be made before anything is written; answers the ancestors that the layer will have. */
export async function prepareCreation(
  session: Session,
  references: References,
  { id, parent }: NewLayer,
): Promise<string[]> {
  await settle(session.layout, id, session.store.layerDirectories)
  await refuseTaken(session, id)
  return parent === undefined ? [] : chainAbove(session, references, parent)
}

/**
 * Makes a layer of a tar: it exists whole or not at all. While the tar is unpacked the parent is frozen, and no gate is held.
 *
 * @throws GraphDriverError as for a layer without contents, and ERR_ARCHIVE_*
 */
export async function createFrom(
  session: Session,
  references: References,
  { id, parent }: NewLayer,
  tar: TarSource,
  options: ApplyOptions,
  call: Call,
): Promise<ApplyResult> {
  const { layout, store } = session
  const ids = parent === undefined ? [id] : [id, parent]
  const freeze = async (): Promise<Stack> => {
    const chain = await prepareCreation(session, references, { id, parent })
    if (parent !== undefined) {
      if (!store.locks.hold('use', parent)) throw inUse(parent, 'it is being filled, unmounted or removed')
      store.locks.hold('freeze', parent)
    }
    const ancestors = chain.map((ancestor) => pathsOf(layout, ancestor))
    return { layer: pathsOf(layout, id), ancestors, lowers: ancestors.map(({ diff }) => diff) }
  }
  const thaw = (): Promise<void> => {
    if (parent === undefined) return Promise.resolve()
    store.locks.release('freeze', parent)
    store.locks.release('use', parent)
    return Promise.resolve()
  }
  const stack = await behindGates(session, ids, call.signal, freeze)
  try {
    await using staged = await stage(session, stack, stack.lowers[0], tar, options)
    await behindGates(session, ids, call.signal, async () => {
      call.signal?.throwIfAborted()
      await createLayer(session, references, { id, parent }, staged)
      if (!call.commit()) await removeLayer(session, references, id)
    })
    return staged.result
  } finally {
    await behindGates(session, ids, undefined, thaw)
  }
}

/** The instant from which the layer exists. Where that cannot be made to last, it is an intent again. */
async function commit({ layout, store }: Session, id: string): Promise<void> {
  await renameToMetadata(layout.made(id), layout.metadata(id))
  await step('committed')
  if (store.sync === 'none') return
  try {
    await syncDirectory(layout.directory('layers'))
  } catch (error) {
    throw await undone(error, rename(layout.metadata(id), layout.made(id)))
  }
}

/** Nobody else may make this name: the gate is ours. Without RENAME_NOREPLACE (NFS, 9p) that has to do. */
async function renameToMetadata(made: string, metadata: string): Promise<void> {
  try {
    await renameat2(AT_FDCWD, made, AT_FDCWD, metadata, RENAME_NOREPLACE)
  } catch (error) {
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOSYS') throw error
    await rename(made, metadata)
  }
}

async function refuseTaken({ layout }: Session, id: string): Promise<void> {
  if (await present(layout.metadata(id))) {
    throw new GraphDriverError('ERR_LAYER_EXISTS', `there is a layer "${id}" already`, {
      id,
      path: layout.metadata(id),
    })
  }
  if (await present(layout.diff(id))) {
    throw new GraphDriverError(
      'ERR_LAYER_EXISTS',
      `${layout.diff(id)} holds contents without metadata; cleanup({ orphans: true }) deletes them`,
      { id, path: layout.diff(id) },
    )
  }
}

/** The ancestors of a new child: its parent, which is frozen by it, and the parent's own. */
async function chainAbove(session: Session, references: References, parent: string): Promise<string[]> {
  const { layout, driver } = session
  await settle(layout, parent, session.store.layerDirectories)
  const chain = [parent, ...(await readChain(layout, parent))]
  if (!(await present(layout.diff(parent)))) throw corruptContents(layout, parent, 'are missing')
  if (chain.length > driver.maxLowers) {
    throw new GraphDriverError(
      'ERR_TOO_MANY_LAYERS',
      `layer "${parent}" has ${String(chain.length - 1)} ancestors, and ${driver.name} takes ${String(driver.maxLowers)} below a layer`,
      { id: parent },
    )
  }
  await refuseWritable(session, references, parent)
  return chain
}

/** Refuses a layer that somebody may write to, and takes a mount away that nobody holds. */
export async function refuseWritable(session: Session, references: References, id: string): Promise<void> {
  if (references.writable(id)) throw inUse(id, 'it is held writable, and a layer with children never changes')
  if (!(await hasChildren(session.layout, id))) await refuseWriters(session, references, id)
}

/** The first child freezes its parent: no mount that could be written to may be left of it, held or not. */
async function refuseWriters(session: Session, references: References, parent: string): Promise<void> {
  const { locks } = session.store
  if (references.holds(parent) || locks.heldElsewhere('use', parent)) return
  const stack = await readStack(session.layout, parent)
  if (await isMounted(stack.layer.target)) await takeDown(session, parent, stack.layer.target)
  await refuseAlive(session, stack)
}

async function makeDirectories(
  session: Session,
  id: string,
  parent: string | undefined,
  staged: Contents | undefined,
): Promise<void> {
  const { layout, driver } = session
  if (parent !== undefined) await recordChild(layout, parent, id)
  await step('recorded child')
  const layer = pathsOf(layout, id)
  await ensureDirectory(layer.target, 0o755)
  await step('made mnt')
  const above = parent === undefined ? undefined : pathsOf(layout, parent)
  if (staged === undefined) {
    await mkdir(layer.diff, { mode: 0o755 })
    await step('made diff')
    if (above === undefined) await setBaseAttributes(layer.diff)
    else await copyDirectoryAttributes(above.diff, layer.diff)
    await step('set attributes')
    await driver.prepare?.(layer, above)
    return
  }
  await driver.prepare?.(layer, above)
  await rename(staged.path, layer.diff)
  staged.forget()
  await step('moved diff')
  await driver.filled?.(layer)
}
