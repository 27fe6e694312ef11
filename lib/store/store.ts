import { dirname } from 'node:path'
import { GraphDriverError } from '../sys/index.ts'
import { rebuildChildren } from './children.ts'
import { deleteTree, unlessMounted } from './deletion.ts'
import { ensureDirectory, explained, present, syncDirectory, unless } from './files.ts'
import { checkRootOwner, closeToOthers } from './guard.ts'
import { Layout, STORE_DIRECTORIES } from './layout.ts'
import { beingConverted, Locks } from './locks.ts'
import { filled, letPass, makeRoot } from './root.ts'
import { Owned, type SyncLevel } from './staging.ts'
import {
  type ConvertingStamp,
  readAnyStamp,
  readStamp,
  type Stamp,
  writeStamp,
  type XattrPrefix,
} from './stamp.ts'
import { step } from './step.ts'
import { sweepLayers, sweptDirectories } from './sweep.ts'
import { unsureOf } from './swept.ts'

export interface StoreOptions {
  /** The root, links resolved. */
  readonly root: string
  readonly group: number | undefined
  readonly sync: SyncLevel
  readonly driver: string
  /** What the driver keeps beside the store's own directories, one entry a layer. */
  readonly directories: readonly string[]
  readonly xattrs: XattrPrefix | null
  /** Its layers are to be converted, or that is to be finished. */
  readonly converting?: boolean
}

/** A root on disk, open for writing: its layout, locks and stamp. It knows layers and nothing of mounts. */
export class Store {
  readonly layout: Layout
  readonly locks: Locks
  readonly sync: SyncLevel
  /** Directories with one entry a layer that go when the layer goes. */
  readonly layerDirectories: readonly string[]
  readonly staging: Owned
  readonly views: Owned

  private constructor(layout: Layout, locks: Locks, options: StoreOptions) {
    this.layout = layout
    this.locks = locks
    this.sync = options.sync
    this.layerDirectories = ['diff', ...options.directories]
    this.staging = new Owned(layout, locks, options.sync, 'staging')
    this.views = new Owned(layout, locks, options.sync, 'views')
  }

  /**
   * Opens a root, makes what it lacks, and ends what dead processes left unfinished.
   *
   * @throws GraphDriverError ERR_STORE_OTHER_DRIVER, ERR_STORE_VERSION, ERR_STORE_FOREIGN, ERR_STORE_CONVERTING, ERR_DRIVER_PREREQUISITE,
   * ERR_STORE_UNSAFE
   */
  static async open(options: StoreOptions): Promise<Store> {
    const layout = new Layout(options.root)
    const fresh = (await stampFor(options, layout)) === undefined
    if (fresh) await refuseForeign(layout, options.directories)
    if (fresh || options.group !== undefined) await makeRoot(layout.root, options.group)
    // Its own name, and that nothing of the trial beside it is there any more. Who may only pass through there cannot say so.
    if (fresh && options.sync !== 'none')
      await unless(syncDirectory(dirname(layout.root)), ['EACCES'], undefined)
    await checkRootOwner(layout.root)
    let locks: Locks
    try {
      locks = await Locks.open(layout.lock)
      await step('made lock')
    } catch (error) {
      throw explained(
        error,
        'the lock file of the store cannot be opened; the layers can be read with { readOnly: true }',
      )
    }
    try {
      if (!locks.enter()) throw beingConverted(layout)
      const store = new Store(layout, locks, options)
      const leave = await locks.root()
      try {
        await store.#prepare(options)
        await store.#sweep()
      } finally {
        leave()
      }
      return store
    } catch (error) {
      await locks.close()
      throw error
    }
  }

  /** Gives back every lock. */
  async close(): Promise<void> {
    await this.locks.close()
  }

  async #prepare(options: StoreOptions): Promise<void> {
    const stamp = await stampFor(options, this.layout)
    if (stamp !== undefined) checkStamp(this.layout, stamp, options)
    const { driver, xattrs } = options
    const mark = (): Promise<void> => writeStamp(this.layout, { format: 1, driver, xattrs, state: 'ready' })
    // Docker's: with anything of ours in it, and no stamp, it would be a store of ours that has lost its own.
    if (stamp !== undefined && !(await present(this.layout.stamp))) await mark()
    for (const name of [...STORE_DIRECTORIES, ...options.directories]) {
      if (name === 'children') continue
      const path = this.layout.directory(name)
      if (await ensureDirectory(path)) await step(`made ${name}/`)
      await closeToOthers(path)
      if (options.group !== undefined) await letPass(path, options.group)
    }
    const children = this.layout.directory('children')
    if (!(await present(children))) await rebuildChildren(this.layout)
    await ensureDirectory(children)
    await closeToOthers(children)
    if (stamp === undefined) await mark()
  }

  async #sweep(): Promise<void> {
    const unsure = await unsureOf(this.layout, sweptDirectories(this.layerDirectories))
    if (unsure.directories.length > 0) {
      const tryGate = (id: string): Promise<(() => void) | undefined> => this.locks.tryGate(id)
      const clean = await sweepLayers(this.layout, tryGate, this.layerDirectories, unsure.directories)
      if (clean) await unsure.noteClean()
    }
    await this.staging.sweep((path) => unlessMounted(path, deleteTree(path)))
  }
}

async function stampFor(
  { converting }: StoreOptions,
  layout: Layout,
): Promise<Stamp | ConvertingStamp | undefined> {
  return converting === true ? readAnyStamp(layout) : readStamp(layout)
}

/** Refuses a stamp that another driver, or the same one with other xattrs, wrote. */
export function checkStamp(
  layout: Layout,
  stamp: Pick<Stamp, 'driver' | 'xattrs'>,
  wanted: { readonly driver: string; readonly xattrs: XattrPrefix | null },
): void {
  if (stamp.driver !== wanted.driver) {
    throw new GraphDriverError(
      'ERR_STORE_OTHER_DRIVER',
      `${layout.root} belongs to the driver "${stamp.driver}", and "${wanted.driver}" was asked for`,
      { path: layout.root },
    )
  }
  if (stamp.xattrs !== null && stamp.xattrs !== wanted.xattrs) {
    throw new GraphDriverError(
      'ERR_DRIVER_PREREQUISITE',
      `${layout.root} keeps its bookkeeping in ${stamp.xattrs}.* xattrs, and this process can only use ` +
        `${String(wanted.xattrs)}.* (root and user namespaces differ). The two are never mixed in one store`,
      { path: layout.root },
    )
  }
}

/** A store's own working directories are emptied by the sweep, so they may not hold somebody's files. */
async function refuseForeign(layout: Layout, directories: readonly string[]): Promise<void> {
  const names = await filled(layout.root, [...STORE_DIRECTORIES, ...directories])
  // Another process may have made a store of it just now.
  if (names.length === 0 || (await readStamp(layout)) !== undefined) return
  throw new GraphDriverError(
    'ERR_STORE_FOREIGN',
    `${layout.root} is no store yet, but its ${names.join(', ')} hold${names.length === 1 ? 's' : ''} files already. ` +
      `Choose an empty root`,
    { path: layout.root },
  )
}
