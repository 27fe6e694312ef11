import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import {
  checkRoot,
  checkStamp,
  codeOf,
  type ConvertingStamp,
  deleteTree,
  ensureDirectory,
  isLayerId,
  Layout,
  locateRoot,
  namesIn,
  noStore,
  readAnyStamp,
  removeEmptyDirectory,
  type Stamp,
  step,
  Store,
  unless,
  writeStamp,
  type XattrPrefix,
} from '../../store/index.ts'
import { invalidType, invalidValue } from '../../sys/arguments.ts'
import { convertLayer, type Converted, type OverlayForm } from '../../sys/convert.ts'
import { AT_FDCWD, GraphDriverError, mknodat, syncfs, SyscallError } from '../../sys/index.ts'
import { checkCallOptions } from '../arguments.ts'
import { Call } from '../call.ts'
import type { Driver } from '../driver.ts'
import { makeDriver } from '../registry.ts'
import { withScratch } from '../scratch.ts'
import { pathsOf } from '../session.ts'
import { xattrPrefix } from '../xattr-prefix.ts'
import { refuseMounted, storeInUse } from './in-use.ts'
import { inLanes } from './lanes.ts'
import { refuseObstacles } from './obstacles.ts'

/** The drivers whose layers can become one another's. */
export type ConvertTarget = 'overlay' | 'aufs'

/** How far a conversion is. */
export interface ConvertProgress {
  /** Layers that are done. */
  readonly layers: number
  /** Layers that there are. */
  readonly of: number
}

/** What a store is to become. */
export interface ConvertOptions {
  /** The driver whose the store is to be. */
  to: ConvertTarget
  /** An abort ends it between two layers. The store is half-way then, unless nothing was touched yet. */
  signal?: AbortSignal
  /** Called after each layer. */
  onProgress?: (progress: ConvertProgress) => void
}

/** What a conversion did, an earlier one that it finished not counted. */
export interface ConvertResult {
  from: ConvertTarget
  to: ConvertTarget
  /** Layers that were gone through; none where the store was the other driver's already. */
  layers: number
  /** Deletions that were written down anew. */
  whiteouts: number
  /** Directories that hide everything below, the same. */
  opaque: number
  /** Files and directories of aufs's own bookkeeping that were deleted. */
  dropped: number
}

/** The work of `convert`, see late.ts. */
export async function convert(root: string, options: ConvertOptions): Promise<ConvertResult> {
  checkRoot(root)
  checkConvertOptions(options)
  options.signal?.throwIfAborted()
  return new Call(options.signal).settle(convertRoot(root, options))
}

function checkConvertOptions(options: ConvertOptions): void {
  checkCallOptions(options as object)
  const { to } = options as { to?: unknown }
  if (typeof to !== 'string') throw invalidType('options.to', 'of type string', to)
  if (to !== 'aufs' && to !== 'overlay') throw invalidValue('options.to', "must be 'overlay' or 'aufs'", to)
}

/** The two ends of a conversion. */
interface Ends {
  readonly stamp: Stamp | ConvertingStamp
  readonly from: ConvertTarget
  readonly to: ConvertTarget
}

async function convertRoot(wanted: string, options: ConvertOptions): Promise<ConvertResult> {
  const { root, existing } = await locateRoot(wanted)
  if (root !== existing) {
    throw new SyscallError('ENOENT', 'open', { path: root, detail: 'there is no store to convert' })
  }
  const layout = new Layout(root)
  const ends = await readEnds(layout, options.to)
  if (ends.stamp.state === 'ready' && ends.stamp.driver === ends.to) return resultOf(ends, [])
  const xattrs = await prefixFor(layout, ends)
  const source = await makeDriver(ends.stamp.driver, undefined)
  source.adopt?.(ends.stamp.xattrs)
  const store = await openToConvert({
    root,
    group: undefined,
    sync: 'metadata',
    driver: ends.stamp.driver,
    directories: source.directories,
    xattrs: ends.stamp.xattrs,
    converting: true,
  })
  try {
    if (!store.locks.claimStore())
      throw storeInUse(root, 'another process, or another part of this one, has the store open')
    // Somebody may have converted it between the two.
    if ((await readEnds(layout, options.to)).stamp.state !== ends.stamp.state) {
      throw storeInUse(root, 'somebody else converted it just now')
    }
    return resultOf(ends, await convertStore(store, source, { ...ends, xattrs }, options))
  } finally {
    await store.close()
  }
}

async function openToConvert(options: Parameters<typeof Store.open>[0]): Promise<Store> {
  try {
    return await Store.open(options)
  } catch (error) {
    if (codeOf(error) !== 'ERR_STORE_OTHER_DRIVER') throw error
    throw storeInUse(options.root, 'somebody else converted it just now')
  }
}

async function readEnds(layout: Layout, to: ConvertTarget): Promise<Ends> {
  const stamp = await readAnyStamp(layout)
  if (stamp === undefined) throw noStore(layout.root, 'convert')
  for (const driver of stamp.state === 'converting' ? [stamp.driver, stamp.to] : [stamp.driver]) {
    if (driver === 'aufs' || driver === 'overlay') continue
    throw new GraphDriverError(
      'ERR_STORE_OTHER_DRIVER',
      `${layout.root} belongs to the driver "${driver}", and only stores of aufs and overlay can become one another's`,
      { path: layout.root },
    )
  }
  return { stamp, from: to === 'aufs' ? 'overlay' : 'aufs', to }
}

/** Where overlay's attributes are, or will be; tried out, with all else that the new form takes. */
async function prefixFor(layout: Layout, { stamp, to }: Ends): Promise<XattrPrefix> {
  const refusal = (await makeDriver(to, undefined)).refuse?.(layout.root)
  if (refusal !== undefined) {
    throw new GraphDriverError(refusal.code ?? 'ERR_DRIVER_PREREQUISITE', refusal.reason ?? '', {
      path: layout.root,
    })
  }
  return withScratch(layout.root, async (directory) => {
    const found = await xattrPrefix(directory, stamp.xattrs)
    if (found === undefined) {
      throw new GraphDriverError(
        'ERR_DRIVER_BACKING_FS',
        `the filesystem of ${layout.root} keeps no extended attributes, and overlay needs them`,
        { path: layout.root },
      )
    }
    checkStamp(layout, stamp, { driver: stamp.driver, xattrs: found })
    // S_IFCHR: a whiteout, which ordinary users may make as well since Linux 5.8.
    if (to === 'overlay') await mknodat(AT_FDCWD, `${directory}/whiteout`, 0o020000, 0, 0)
    return found
  })
}

/** Has the store to itself. */
async function convertStore(
  store: Store,
  source: Driver,
  { stamp, from, to, xattrs }: Ends & { readonly xattrs: XattrPrefix },
  { signal, onProgress }: ConvertOptions,
): Promise<Converted[]> {
  const { layout } = store
  const overlay: OverlayForm = xattrs === 'user' ? 'overlay-user' : 'overlay'
  const conversion = { overlay, to }
  const ids = (await namesIn(layout.directory('diff'))).filter(isLayerId)
  const works = await withScratch(layout.root, async (directory) => (await source.probe(directory)).supported)
  await refuseMounted({ layout, driver: source, store }, ids, works)
  // What is half-way was looked through before, and holds both forms.
  if (stamp.state === 'ready') await refuseObstacles(layout, ids, conversion, signal)
  signal?.throwIfAborted()
  await writeStamp(layout, { format: 1, driver: from, xattrs, state: 'converting', to })
  await step('marked as converting')
  const done: Converted[] = []
  await inLanes(ids, signal, async (id) => {
    const layers = done.push(await convertLayer(layout.diff(id), conversion))
    await step('converted a layer')
    onProgress?.({ layers, of: ids.length })
  })
  signal?.throwIfAborted()
  const drivers = [await makeDriver(from, undefined), await makeDriver(to, undefined)] as const
  await exchangeDirectories(layout, ...drivers, ids)
  await persist(layout)
  await step('ready to mark as converted')
  await writeStamp(layout, {
    format: 1,
    driver: to,
    xattrs: to === 'overlay' ? xattrs : null,
    state: 'ready',
  })
  return done
}

/** What one driver keeps beside the layers goes, and what the other one keeps is made. */
async function exchangeDirectories(
  layout: Layout,
  from: Driver,
  to: Driver,
  ids: readonly string[],
): Promise<void> {
  for (const name of to.directories) await ensureDirectory(layout.directory(name))
  await step('made directories of the other driver')
  for (const id of ids) await to.prepare?.(pathsOf(layout, id), undefined)
  await step('prepared layers for the other driver')
  for (const name of from.directories) {
    await deleteTree(layout.directory(name))
    await step('deleted a directory of the former driver')
  }
  // Where aufs began its tables, if nowhere else would do.
  await unless(removeEmptyDirectory(layout.directory('xino')), ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'], undefined)
}

/** Before the stamp says that it is done. */
async function persist(layout: Layout): Promise<void> {
  const directory = await open(layout.root, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await syncfs(directory.fd)
  } finally {
    await directory.close()
  }
}

function resultOf({ from, to }: Ends, done: readonly Converted[]): ConvertResult {
  const result = { from, to, layers: done.length, whiteouts: 0, opaque: 0, dropped: 0 }
  for (const { whiteouts, opaque, dropped } of done) {
    result.whiteouts += whiteouts
    result.opaque += opaque
    result.dropped += dropped
  }
  return result
}
