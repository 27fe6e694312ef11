import { chmod, mkdir, rename } from 'node:fs/promises'
import {
  chownIfAllowed,
  codeOf,
  copyDirectoryAttributes,
  formatChain,
  corrupt,
  ensureDirectory,
  hasChildren,
  metadataMode,
  present,
  readChain,
  recordChild,
  settle,
  step,
  syncDirectory,
  writeNewFile,
} from '../store/index.ts'
import { gathered } from '../mount/index.ts'
import { AT_FDCWD, GraphDriverError, RENAME_NOREPLACE, renameat2 } from '../sys/index.ts'
import { isMounted, refuseAlive, takeDown } from './mounts.ts'
import type { References } from './references.ts'
import { inUse, pathsOf, readStack, type Session } from './session.ts'

/**
 * Makes a layer. It exists from one instant on: the rename of its metadata. What a failure or a death leaves before that is
 * an intent, which is undone here, by the next call for this id, or by the next sweep.
 */
export async function createLayer(
  session: Session,
  references: References,
  id: string,
  parent: string | undefined,
): Promise<void> {
  const { layout, store } = session
  const directories = store.layerDirectories
  await settle(layout, id, directories)
  await refuseTaken(session, id)
  const chain = parent === undefined ? [] : await chainAbove(session, references, parent)
  try {
    await writeNewFile(layout.made(id), formatChain(chain), store.sync !== 'none', metadataMode(chain))
    await step('wrote intent')
    await makeDirectories(session, id, parent)
    if (store.sync !== 'none') for (const name of directories) await syncDirectory(layout.directory(name))
    await step('ready to commit')
    await commit(layout.made(id), layout.metadata(id))
  } catch (error) {
    throw await undone(error, settle(layout, id, directories))
  }
  await step('committed')
  if (store.sync !== 'none') await syncDirectory(layout.directory('layers'))
}

/** Nobody else may make this name: the gate is ours. Without RENAME_NOREPLACE (NFS, 9p) that has to do. */
async function commit(made: string, metadata: string): Promise<void> {
  try {
    await renameat2(AT_FDCWD, made, AT_FDCWD, metadata, RENAME_NOREPLACE)
  } catch (error) {
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOSYS') throw error
    await rename(made, metadata)
  }
}

/** The error that was first, whatever becomes of the undoing. */
async function undone(error: unknown, undoing: Promise<void>): Promise<unknown> {
  return undoing.then(
    () => error,
    (another: unknown) => gathered(error, [another]),
  )
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
  if (!(await present(layout.diff(parent)))) throw corrupt(layout, parent, 'its contents are missing')
  if (chain.length > driver.maxLowers) {
    throw new GraphDriverError(
      'ERR_TOO_MANY_LAYERS',
      `layer "${parent}" has ${String(chain.length - 1)} ancestors, and ${driver.name} takes ${String(driver.maxLowers)} below a layer`,
      { id: parent },
    )
  }
  if (references.writable(parent))
    throw inUse(parent, 'it is held writable, and a layer with children never changes')
  if (!(await hasChildren(layout, parent))) await refuseWriters(session, references, parent)
  return chain
}

/** The first child freezes its parent: no mount that could be written to may be left of it, held or not. */
async function refuseWriters(session: Session, references: References, parent: string): Promise<void> {
  const { locks } = session.store
  if (references.holds(parent) || locks.heldElsewhere('use', parent)) return
  const stack = await readStack(session.layout, parent)
  if (await isMounted(stack.layer.target)) await takeDown(session, parent, stack.layer.target)
  await refuseAlive(session, stack)
}

async function makeDirectories(session: Session, id: string, parent: string | undefined): Promise<void> {
  const { layout, driver } = session
  if (parent !== undefined) await recordChild(layout, parent, id)
  await step('recorded child')
  const layer = pathsOf(layout, id)
  await ensureDirectory(layer.target, 0o755)
  await step('made mnt')
  await mkdir(layer.diff, { mode: 0o755 })
  await step('made diff')
  if (parent === undefined) {
    await chownIfAllowed(layer.diff, 0, 0)
    await chmod(layer.diff, 0o755)
  } else {
    await copyDirectoryAttributes(layout.diff(parent), layer.diff)
  }
  await step('set attributes')
  await driver.prepare?.(layer, parent === undefined ? undefined : pathsOf(layout, parent))
}
