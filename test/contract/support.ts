import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drivers, open, type GraphDriver, type OpenOptions } from 'graphdriver'
import { list, unmountTree } from 'graphdriver/mount'
import { removeTree } from 'graphdriver/sys'
import { itUnless } from '../skip.ts'
import { OtherProcess } from './other-process.ts'

/** What is special to a driver, as far as the contract has to know. */
export interface Traits {
  /** Layers are joined by a mount, not copied. */
  readonly union: boolean
  /** The most ancestors that a layer may have. */
  readonly ancestors: number
  /** Its mounts do not honour whiteouts in the driver's own form: the fake kernel's do not. */
  readonly blind?: boolean
}

const special = new Map<string, Traits>([
  // What every kernel with aufs takes; the suite asks the one that it runs on.
  ['aufs', { union: true, ancestors: 126 }],
  ['overlay', { union: true, ancestors: 500 }],
  ['vfs', { union: false, ancestors: Infinity }],
])

export function setTraits(driver: string, traits: Traits): void {
  special.set(driver, traits)
}

export function traitsOf(driver: string): Traits {
  return special.get(driver) ?? { union: true, ancestors: Infinity }
}

/** A test that looks through a union at deletions in the driver's own form; skipped where nobody merges them. */
export function itMerges(driver: string, title: string, body: () => Promise<void>): void {
  // The double answers mounts and merges nothing; the same test runs where the kernel itself has the driver.
  const blind = traitsOf(driver).blind === true
  itUnless(blind ? 'the fake kernel merges no whiteouts' : undefined, title, body)
}

/** A registered driver that is not this one. */
export function anotherDriver(driver: string): string {
  return drivers().find((name) => name !== driver)!
}

/** Whether other users and all xattrs can be had: not so in a user namespace. */
export const privileged: boolean = /^\s*0\s+0\s+4294967295\s*$/.test(
  readFileSync('/proc/self/uid_map', 'utf8'),
)

/** One root, and all that a test does with it. */
export class TestStore {
  readonly driver: string
  root = ''
  /** The root, opened by this process. */
  graph!: GraphDriver
  /** What is made for a test and deleted after it; a test may put its root below. */
  #scratch = ''
  readonly #opened: GraphDriver[] = []
  readonly #processes: OtherProcess[] = []

  constructor(driver: string) {
    this.driver = driver
  }

  /** Opens the root once more, in this process. */
  async open(options: Partial<OpenOptions> = {}): Promise<GraphDriver> {
    const graph = await open({ root: this.root, driver: this.driver, sync: 'none', ...options })
    this.#opened.push(graph)
    return graph
  }

  /** Opens the root in another process: with `namespace`, in one that has a mount namespace of its own. */
  async elsewhere(options: Partial<OpenOptions> & { namespace?: boolean } = {}): Promise<OtherProcess> {
    const { namespace = false, ...rest } = options
    const other = new OtherProcess(namespace)
    this.#processes.push(other)
    await other.open({ root: this.root, driver: this.driver, sync: 'none', ...rest })
    return other
  }

  /** Runs a program that is killed when the test is over. */
  keep(other: OtherProcess): void {
    this.#processes.push(other)
  }

  /** A path below the root. */
  at(...names: string[]): string {
    return join(this.root, ...names)
  }

  async begin(): Promise<void> {
    this.#scratch = realpathSync(mkdtempSync(join(tmpdir(), `contract-${this.driver}-`)))
    this.root = this.#scratch
  }

  /** Takes everything down. Answers what was left that should not have been. */
  async end(): Promise<string[]> {
    const failures: string[] = []
    for (const other of this.#processes.splice(0)) await other.end()
    for (const graph of this.#opened.splice(0)) {
      await graph.close().catch((error: unknown) => failures.push(`close: ${String(error)}`))
    }
    const mounts = await list({ prefix: this.#scratch })
    failures.push(...mounts.map((entry) => `mounted: ${entry.mountPoint}`))
    if (mounts.length > 0) await unmountTree(this.#scratch, { detach: true })
    await removeTree(this.#scratch)
    return failures
  }
}

/** A fresh root for every test, opened as `store.graph` unless `opened` is false; afterwards nothing may be left of it. */
export function useStore(driver: string, opened = true): TestStore {
  const store = new TestStore(driver)
  let before: string[] = []
  beforeEach(async () => {
    await store.begin()
    before = descriptors()
    if (opened) store.graph = await store.open()
  })
  afterEach(async () => {
    assert.deepEqual(await store.end(), [], 'left behind')
    assert.deepEqual(descriptors(), before, 'descriptors left open')
  })
  return store
}

/** What the descriptors of this process are of, but for pipes and sockets, which are Node's own. */
function descriptors(): string[] {
  const found: string[] = []
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      found.push(readlinkSync(`/proc/self/fd/${name}`))
    } catch {
      // The descriptor of the listing itself.
    }
  }
  return found.filter((text) => !/^(pipe|socket|anon_inode):|^\/proc\/\d+\/fd$/.test(text)).sort()
}

/** Expects a rejection with this code, and answers the error. */
export async function rejects(
  promise: Promise<unknown>,
  code: string,
  words?: RegExp,
): Promise<Error & { code: string; path?: string; id?: string; detail?: string }> {
  let failure: unknown
  try {
    await promise
  } catch (error) {
    failure = error
  }
  assert.ok(failure !== undefined, `nothing was thrown, where ${code} was expected`)
  assert.ok(failure instanceof Error, 'what was thrown is no Error')
  assert.equal((failure as NodeJS.ErrnoException).code, code, failure.stack)
  if (words !== undefined) assert.match(failure.message, words)
  return failure as Error & { code: string }
}

/** Makes layers on top of one another, the base first, and calls `fill` with each one's view. */
export async function stack(
  graph: GraphDriver,
  ids: readonly string[],
  fill: (path: string, id: string) => Promise<void> = async () => undefined,
): Promise<void> {
  for (const [at, id] of ids.entries()) {
    const parent = ids[at - 1]
    await graph.create(id, parent === undefined ? {} : { parent })
    await within(graph, id, (path) => fill(path, id))
  }
}

/** Gets a layer, calls `work` with its path, and gives it back. */
export async function within<T>(
  graph: GraphDriver,
  id: string,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const path = await graph.get(id)
  try {
    return await work(path)
  } finally {
    await graph.put(id)
  }
}

/** What is mounted below a directory. */
export async function mountPoints(root: string): Promise<string[]> {
  return (await list({ prefix: root })).map((entry) => entry.mountPoint).sort()
}

export interface SnapshotOptions {
  /** Leave times and inode numbers out: what a union and a copy need not have alike. */
  readonly loose?: boolean
}

/** Everything about a tree, by path: attributes, times, contents. Two that are equal are byte for byte the same. */
export async function snapshot(root: string, options: SnapshotOptions = {}): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const visit = async (path: string): Promise<void> => {
    const full = join(root, path)
    const stats = await lstat(full, { bigint: true })
    const { mode, uid, gid, size, rdev, mtimeNs, ctimeNs, ino, nlink } = stats
    const plain = [mode.toString(8), uid, gid, stats.isDirectory() ? 0 : size, rdev]
    const rest = options.loose ? [] : [mtimeNs, ctimeNs, ino, nlink]
    found[path] = [...plain, ...rest, await contentsOf(full, stats)].join(' ')
    if (!stats.isDirectory()) return
    for (const name of (await readdir(full)).sort()) await visit(join(path, name))
  }
  await visit('.')
  return found
}

async function contentsOf(
  path: string,
  stats: { isFile(): boolean; isSymbolicLink(): boolean },
): Promise<string> {
  if (stats.isSymbolicLink()) return `-> ${await readlink(path)}`
  if (!stats.isFile()) return ''
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

/** The names in a directory, sorted, without those of aufs's own files, which it keeps in what it writes to. */
export async function names(path: string): Promise<string[]> {
  return (await readdir(path)).filter((name) => !name.startsWith('.wh..wh.')).sort()
}

export async function text(path: string): Promise<string> {
  return readFile(path, 'utf8')
}
