import { codeOf, erase, isLayerId, namesIn, present, readIds, unless, wordOf } from '../store/index.ts'
import type { CleanupResult } from './graph-driver.ts'
import { orphansOf } from './inspection.ts'
import { dropView, isMounted, mountsInside, takeDown } from './mounts.ts'
import type { References } from './references.ts'
import type { Session } from './session.ts'

/** Takes away every mount of a root that nobody holds, and, if asked, what belongs to no layer. */
export async function cleanUp(
  session: Session,
  references: References,
  options: { readonly orphans: boolean; readonly signal?: AbortSignal | undefined },
): Promise<CleanupResult> {
  const result: CleanupResult = { unmounted: [], busy: [], removed: [] }
  await dropDeadViews(session, result)
  for (const id of await namesIn(session.layout.directory('mnt'))) {
    if (!isLayerId(id) || !(await isMounted(session.layout.mount(id)))) continue
    await withGate(session, id, options.signal, () => unmountUnheld(session, references, id, result))
  }
  if (!options.orphans) return result
  const ids = await readIds(session.layout)
  const contents = await namesIn(session.layout.directory('diff'))
  for (const id of await orphansOf(session.layout, ids, contents)) {
    await withGate(session, id, options.signal, () => removeOrphan(session, id, result))
  }
  return result
}

async function withGate(
  session: Session,
  id: string,
  signal: AbortSignal | undefined,
  work: () => Promise<void>,
): Promise<void> {
  const leave = await session.store.locks.gates([id], signal)
  try {
    await work()
  } finally {
    leave()
  }
}

async function dropDeadViews(session: Session, result: CleanupResult): Promise<void> {
  await session.store.views.sweep(async (path, name) => {
    const id = wordOf(name)
    await orBusy(id, result, async () => {
      await unless(dropView(session, id, path), SOMEBODYS, undefined)
    })
  })
}

/** How rmdir(2) fails on what is no view: a file, a link, a directory that holds something. */
const SOMEBODYS = ['ENOTDIR', 'ENOTEMPTY', 'EEXIST'] as const

async function unmountUnheld(
  session: Session,
  references: References,
  id: string,
  result: CleanupResult,
): Promise<void> {
  const { locks } = session.store
  const target = session.layout.mount(id)
  if (references.holds(id) || !(await isMounted(target)) || !locks.claim('use', id)) return
  try {
    await orBusy(id, result, async () => {
      await takeDown(session, id, target)
      result.unmounted.push(id)
    })
  } finally {
    locks.unclaim('use', id)
  }
}

async function orBusy(id: string, result: CleanupResult, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (codeOf(error) !== 'ERR_LAYER_BUSY') throw error
    result.busy.push(id)
  }
}

async function removeOrphan(session: Session, id: string, result: CleanupResult): Promise<void> {
  const { layout, store } = session
  if (await present(layout.metadata(id))) return
  if ((await isMounted(layout.mount(id))) || !store.locks.claim('use', id)) return
  try {
    if ((await mountsInside(session, id)).length > 0) {
      result.busy.push(id)
      return
    }
    await erase(layout, id, undefined, store.layerDirectories)
    result.removed.push(id)
  } finally {
    store.locks.unclaim('use', id)
  }
}
