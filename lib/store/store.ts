import { GraphDriverError } from '../sys/index.ts'
import { rebuildChildren } from './children.ts'
import { deleteTree, unlessMounted } from './deletion.ts'
import { ensureDirectory, explained, present } from './files.ts'
import { Layout, STORE_DIRECTORIES } from './layout.ts'
import { Locks } from './locks.ts'
import { filled, letPass, makeRoot } from './root.ts'
import { Owned, type SyncLevel } from './staging.ts'
import { readStamp, type Stamp, writeStamp, type XattrPrefix } from './stamp.ts'
import { step } from './step.ts'
import { sweepLayers } from './sweep.ts'

export interface StoreOptions {
  /** The root, links resolved. */
  readonly root: string
  readonly group: number | undefined
  readonly sync: SyncLevel
  readonly driver: string
  /** What the driver keeps beside the store's own directories, one entry a layer. */
  readonly directories: readonly string[]
  readonly xattrs: XattrPrefix | null
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
   * @throws GraphDriverError ERR_STORE_OTHER_DRIVER, ERR_STORE_VERSION, ERR_STORE_FOREIGN, ERR_DRIVER_PREREQUISITE
   */
  static async open(options: StoreOptions): Promise<Store> {
    const layout = new Layout(options.root)
    const fresh = (await readStamp(layout)) === undefined
    if (fresh) await refuseForeign(layout, options.directories)
    if (fresh || options.group !== undefined) await makeRoot(layout.root, options.group)
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
    const stamp = await readStamp(this.layout)
    if (stamp !== undefined) checkStamp(this.layout, stamp, options)
    for (const name of [...STORE_DIRECTORIES, ...options.directories]) {
      if (name === 'children') continue
      if (await ensureDirectory(this.layout.directory(name))) await step(`made ${name}/`)
      if (options.group !== undefined) await letPass(this.layout.directory(name), options.group)
    }
    if (!(await present(this.layout.directory('children')))) await rebuildChildren(this.layout)
    const { driver, xattrs } = options
    if (stamp === undefined || !(await present(this.layout.stamp))) {
      await writeStamp(this.layout, { format: 1, driver, xattrs, state: 'ready' })
    }
  }

  async #sweep(): Promise<void> {
    await sweepLayers(this.layout, (id) => this.locks.tryGate(id), this.layerDirectories)
    await this.staging.sweep((path) => unlessMounted(deleteTree(path)))
  }
}

/** Refuses a stamp that another driver, or the same one with other xattrs, wrote. */
export function checkStamp(
  layout: Layout,
  stamp: Stamp,
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
