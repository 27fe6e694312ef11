import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { tell } from '../sys/events.ts'
import { syncfs } from '../sys/index.ts'
import { deleteTree, orLater } from './deletion.ts'
import { namesIn, present } from './files.ts'
import type { Layout } from './layout.ts'
import type { Locks } from './locks.ts'
import { step } from './step.ts'

/** How much a store does so that what it answered survives a power loss. See `OpenOptions.sync`. */
export type SyncLevel = 'none' | 'metadata' | 'full'

/** A name that nobody has: 128 random bits, after a word for people. */
export function uniqueName(word: string): string {
  return `${word}.${randomBytes(16).toString('hex')}`
}

/** The word that such a name was made with. */
export function wordOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'))
}

/** The name under which an entry of one of the store's own directories is locked; no layer id holds a slash. */
function lockName(directory: string, name: string): string {
  return `${directory}/${name}`
}

/**
 * Entries of `staging/` and `views/`: each is locked by who made it for as long as it is wanted, so that whoever opens
 * the store later can tell what a dead process left.
 */
export class Owned {
  readonly #layout: Layout
  readonly #locks: Locks
  readonly #sync: SyncLevel
  readonly #directory: 'staging' | 'views'
  /** Our own entries: the kernel would let us claim them a second time. */
  readonly #names = new Set<string>()

  constructor(layout: Layout, locks: Locks, sync: SyncLevel, directory: 'staging' | 'views') {
    this.#layout = layout
    this.#locks = locks
    this.#sync = sync
    this.#directory = directory
  }

  /** Makes a locked, empty directory; answers its path. With `name`, one that was there before is made again. */
  async make(word: string, name: string = uniqueName(word)): Promise<string> {
    this.#locks.claim('use', lockName(this.#directory, name))
    this.#names.add(name)
    const path = this.#layout.own(this.#directory, name)
    try {
      await mkdir(path, { mode: 0o700 })
    } catch (error) {
      this.forget(path)
      throw error
    }
    await step(`made ${this.#directory}`)
    return path
  }

  /** syncfs(2) of an entry's filesystem, where the store was asked for `sync: 'full'`. */
  async persist(path: string): Promise<void> {
    if (this.#sync !== 'full') return
    const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await syncfs(directory.fd)
    } finally {
      await directory.close()
    }
  }

  /** Unlocks an entry that is gone. */
  forget(path: string): void {
    const name = path.slice(path.lastIndexOf('/') + 1)
    this.#names.delete(name)
    this.#locks.unclaim('use', lockName(this.#directory, name))
  }

  /** Deletes an entry and unlocks it. What cannot be deleted is left to whoever opens the store next: the call that made it has ended all the same. */
  async discard(path: string): Promise<void> {
    await orLater(path, deleteTree(path))
    await step(`deleted ${this.#directory}`)
    this.forget(path)
  }

  /** Calls `take` for every entry whose maker is dead; with `word` for those that were made with it. */
  async sweep(take: (path: string, name: string) => Promise<void>, word?: string): Promise<void> {
    for (const name of await namesIn(this.#layout.directory(this.#directory))) {
      if (this.#names.has(name) || (word !== undefined && wordOf(name) !== word)) continue
      if (!this.#locks.claim('use', lockName(this.#directory, name))) continue
      try {
        const path = this.#layout.own(this.#directory, name)
        await take(path, name)
        if (await present(path)) continue
        tell('sweep', () => ({
          what: this.#directory === 'views' ? 'view' : 'staging',
          path,
          id: wordOf(name),
        }))
      } finally {
        this.#locks.unclaim('use', lockName(this.#directory, name))
      }
    }
  }
}
