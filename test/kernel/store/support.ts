import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { list, unmountTree } from 'graphdriver/mount'
import { F_UNLCK, F_WRLCK, getLockSync, openat2, closeSync, AT_FDCWD } from 'graphdriver/sys'
import { deleteTree } from '#lib/store/index.js'

/** A directory of the suite's own; it goes after the suite, with whatever is mounted in it. */
export function scratchDirectory(): { readonly path: string; fresh: (word?: string) => string } {
  // Made when the suite runs: one that is left out leaves no directory behind.
  const path = join(realpathSync(tmpdir()), `store-${randomBytes(6).toString('hex')}`)
  let count = 0
  before(() => {
    mkdirSync(path, { mode: 0o700 })
  })
  after(async () => {
    await unmountTree(path, { detach: true })
    await deleteTree(path)
  })
  return { path, fresh: (word = 'root') => join(path, `${word}-${String(count++)}`) }
}

/** Mount points at or below a path. */
export async function mountsBelow(path: string): Promise<string[]> {
  return (await list({ prefix: path })).map((entry) => entry.mountPoint)
}

/**
 * A tree as sorted lines: path, type, mode, owner, and what a file holds or a link leads to. `skip` leaves out what is
 * below a path (relative to the root).
 */
export function snapshot(root: string, skip: (path: string) => boolean = () => false): string[] {
  const lines: string[] = []
  const visit = (path: string): void => {
    const full = join(root, path)
    const stats = lstatSync(full)
    const mode = `${(stats.mode & 0o7777).toString(8)} ${String(stats.uid)}:${String(stats.gid)}`
    if (stats.isDirectory()) {
      lines.push(`${path}/ ${mode}`)
      if (!skip(path)) for (const name of readdirSync(full)) visit(join(path, name))
    } else if (stats.isSymbolicLink()) {
      lines.push(`${path} -> ${readlinkSync(full)}`)
    } else {
      const content = stats.isFile() ? JSON.stringify(readFileSync(full, 'utf8').slice(0, 200)) : 'device'
      lines.push(`${path} ${mode} ${content}`)
    }
  }
  visit('')
  return lines.sort()
}

/** A store as lines; what the kernel keeps in overlay's work directories is not the store's, and the note of what is clean says nothing of layers. */
export function storeSnapshot(root: string): string[] {
  return snapshot(root, (path) => /^work\/[^/]+$/.test(path)).filter((line) => !/^\/?swept\b/.test(line))
}

/** Fails when anybody holds a lock of a store, but for the one that says that it is open (byte 1). */
export async function assertUnlocked(root: string): Promise<void> {
  const fd = await openat2(AT_FDCWD, join(root, 'lock'), { flags: 2 })
  try {
    assert.equal(getLockSync(fd, F_WRLCK, 0, 1), F_UNLCK, 'somebody holds the lock of the store')
    assert.equal(getLockSync(fd, F_WRLCK, 2, 0), F_UNLCK, 'somebody holds a lock')
  } finally {
    closeSync(fd)
  }
}

/** A small generator of numbers in [0, 1), the same on every machine (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** The code of an error, for comparison. */
export function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code)
}

/** Calls `work` for every item, four at a time; answers in the items' order. */
export async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T, at: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const rest = [...items.entries()]
  const lane = async (): Promise<void> => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
      results[next[0]] = await work(next[1], next[0])
    }
  }
  await Promise.all(Array.from({ length: 4 }, lane))
  return results
}
