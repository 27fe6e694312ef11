import { rename } from 'node:fs/promises'
import { GraphDriverError, readFile } from '../sys/index.ts'
import { codeOf, isDirectory, present, removeFile, syncDirectory, writeNewFile } from './files.ts'
import type { Layout } from './layout.ts'
import { readIds } from './metadata.ts'
import { step } from './step.ts'

/** Where overlay keeps its bookkeeping: trusted.* for root, user.* in a user namespace. A store has one kind only. */
export type XattrPrefix = 'trusted' | 'user'

/** What `graphdriver.json` says of a store. */
export interface Stamp {
  readonly format: 1
  readonly driver: string
  readonly xattrs: XattrPrefix | null
  readonly state: 'ready'
}

/** What it says while the layers are converted, from the form of `driver` to that of `to`. */
export interface ConvertingStamp {
  readonly format: 1
  readonly driver: string
  readonly xattrs: XattrPrefix
  readonly state: 'converting'
  readonly to: string
}

const FORMAT = 1
const LIMIT = 64 * 1024
/** How readFile() fails on a link, a directory, a fifo, and on more than the limit. */
const NO_FILE = ['ELOOP', 'EISDIR', 'EINVAL', 'EFBIG']
/** The driver whose stores carry no stamp: Docker wrote them. */
const UNSTAMPED = 'aufs'
/** What every store of ours has, and no root of Docker's. */
const OURS = ['children', 'staging', 'views'] as const

/**
 * Reads the stamp. A root without one that holds layers is Docker's, for aufs, unless something of ours is beside them; with nothing of the
 * kind it answers undefined.
 *
 * @throws GraphDriverError ERR_STORE_VERSION where the stamp is of a format that this version does not know, is no stamp, or was lost;
 * ERR_STORE_CONVERTING where the layers are half-way from one form to the other.
 */
export async function readStamp(layout: Layout): Promise<Stamp | undefined> {
  const stamp = await readAnyStamp(layout)
  if (stamp?.state !== 'converting') return stamp
  const { driver, to } = stamp
  throw new GraphDriverError(
    'ERR_STORE_CONVERTING',
    `${layout.root} is half-way from "${driver}" to "${to}": convert(root, { to: '${to}' }) finishes that, and ` +
      `convert(root, { to: '${driver}' }) goes back`,
    { path: layout.root },
  )
}

/** The same, and content with a store that is half-way. */
export async function readAnyStamp(layout: Layout): Promise<Stamp | ConvertingStamp | undefined> {
  const stamp = await readOwn(layout)
  if (stamp !== undefined || !(await holdsLayers(layout))) return stamp
  const ours = await anyOf(layout, OURS)
  // Another process may have made the store, or taken it over from Docker, just now: a stamp is there before any layer of ours,
  // and before anything of ours beside Docker's.
  const now = await readOwn(layout)
  if (now !== undefined || !ours) {
    return now ?? { format: FORMAT, driver: UNSTAMPED, xattrs: null, state: 'ready' }
  }
  throw unusable(
    layout,
    'it is missing, and without it nobody knows which driver the layers beside it are of. Bring it back from a copy, or write it anew',
  )
}

async function readOwn(layout: Layout): Promise<Stamp | ConvertingStamp | undefined> {
  try {
    return parseStamp(layout, (await readFile(layout.stamp, LIMIT)).toString('utf8'))
  } catch (error) {
    const code = codeOf(error) ?? ''
    if (code === 'ENOENT') return undefined
    throw NO_FILE.includes(code) ? unreadable(layout, `it is no plain file of text (${code})`, error) : error
  }
}

/** Replaces the stamp at one instant. */
export async function writeStamp(layout: Layout, stamp: Stamp | ConvertingStamp): Promise<void> {
  const fresh = `${layout.stamp}.new`
  await removeFile(fresh)
  await writeNewFile(fresh, `${JSON.stringify(stamp, null, 2)}\n`, true)
  await step('wrote stamp aside')
  await rename(fresh, layout.stamp)
  await step('stamped')
  await syncDirectory(layout.root)
}

function parseStamp(layout: Layout, text: string): Stamp | ConvertingStamp {
  const { format, driver, xattrs, state, to } = parseObject(layout, text)
  if (format !== FORMAT)
    throw unreadable(
      layout,
      `its format is ${JSON.stringify(format)}, and this version knows ${String(FORMAT)}`,
    )
  if (typeof driver !== 'string') throw unreadable(layout, 'it names no driver')
  if (xattrs !== 'trusted' && xattrs !== 'user' && xattrs !== null) {
    throw unreadable(layout, `"xattrs" is ${JSON.stringify(xattrs)}`)
  }
  if (state === 'converting' && typeof to === 'string' && xattrs !== null) {
    return { format, driver, xattrs, state, to }
  }
  if (state !== 'ready') throw unreadable(layout, `its state is ${JSON.stringify(state)}`)
  return { format, driver, xattrs, state }
}

function parseObject(layout: Layout, text: string): Partial<Record<keyof ConvertingStamp, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw unreadable(layout, 'it is no JSON', cause)
  }
  if (typeof value !== 'object' || value === null) throw unreadable(layout, 'it is no object')
  return value
}

function unreadable(layout: Layout, fault: string, cause?: unknown): GraphDriverError {
  return unusable(layout, `${fault}. A newer version of this package may know it`, cause)
}

function unusable(layout: Layout, why: string, cause?: unknown): GraphDriverError {
  return new GraphDriverError('ERR_STORE_VERSION', `${layout.stamp} cannot be used: ${why}`, {
    path: layout.stamp,
    ...(cause === undefined ? {} : { cause }),
  })
}

async function anyOf(layout: Layout, directories: readonly string[]): Promise<boolean> {
  for (const name of directories) if (await present(layout.directory(name))) return true
  return false
}

/** Whether it is a root of layers, of Docker's or ours. */
async function holdsLayers(layout: Layout): Promise<boolean> {
  for (const name of ['layers', 'diff', 'mnt']) {
    if (!(await isDirectory(layout.directory(name)))) return false
  }
  return (await readIds(layout)).length > 0
}

/** What a caller gets who wants to do something with a root that holds nothing yet. */
export function noStore(root: string, purpose: string): GraphDriverError {
  return new GraphDriverError('ERR_STORE_FOREIGN', `${root} is no store, so there is nothing to ${purpose}`, {
    path: root,
  })
}
