import { type Bytes, join, type Layer, nameOf, type Node, parentOf } from './layers.ts'

/** What a view shows, by path; the root is not in it. */
export type Tree = Map<Bytes, Node>
export type Random = () => number

/** Some sort in another way as paths than as names, or look like what a union reserves; aufs's whiteouts need four bytes more. */
const names: readonly Bytes[] = [
  ...['a', 'a-b', 'a.b', 'a0', 'b', 'c', 'wh.', '.wha', '.w', ' ', '-n', '..a', 'new\nline', '\\', 'z'],
  ...['\xff\xfe', '\xc3\xa9', 'n'.repeat(251), 'prefix-1', 'prefix-12', 'prefix-2', '\x01'],
]

export function pick<T>(random: Random, from: readonly T[]): T | undefined {
  return from[Math.floor(random() * from.length)]
}

export function childrenOf(tree: Tree, directory: Bytes): Bytes[] {
  const found = [...tree.keys()].filter((path) => path !== '' && parentOf(path) === directory)
  return found.map(nameOf).sort()
}

export function isDirectory(tree: Tree, path: Bytes): boolean {
  return path === '' || tree.get(path)?.type === 'directory'
}

function isBelow(path: Bytes, directory: Bytes): boolean {
  return path.startsWith(`${directory}/`)
}

function remove(tree: Tree, path: Bytes): void {
  for (const each of [...tree.keys()]) if (each === path || isBelow(each, path)) tree.delete(each)
}

let clock = 1_000_000_000_000_000_000n

/** No two files are the same unless one is a copy of the other. */
function node(random: Random, type: Node['type']): Node {
  clock += 1_000_000_007n
  return {
    type,
    mode: type === 'link' ? 0o777 : (pick(random, [0o644, 0o600, 0o755, 0o4755, 0]) ?? 0),
    uid: Math.floor(random() * 3) * 1000,
    mtime: clock,
    content: type === 'directory' || type === 'fifo' ? '' : 'x'.repeat(1 + Math.floor(random() * 20)),
    note: random() < 0.2 ? 'noted' : '',
  }
}

function fileOrDirectory(random: Random): Node {
  return node(
    random,
    pick(random, ['directory', 'directory', 'file', 'file', 'file', 'link', 'fifo', 'device']) ?? 'file',
  )
}

/** One small thing that a program might do. */
function edit(tree: Tree, random: Random): void {
  const directories = ['', ...[...tree.keys()].filter((path) => isDirectory(tree, path))]
  const path = pick(random, [...tree.keys()])
  const old = path === undefined ? undefined : tree.get(path)
  const kind = random()
  if (path === undefined || old === undefined || kind < 0.4) {
    const at = join(pick(random, directories) ?? '', pick(random, names) ?? 'a')
    if (!tree.has(at) && at.split('/').length < 6) tree.set(at, fileOrDirectory(random))
  } else if (kind < 0.55) {
    remove(tree, path)
  } else if (kind < 0.65) {
    // Something else of the same name.
    remove(tree, path)
    tree.set(path, fileOrDirectory(random))
  } else if (kind < 0.8) {
    tree.set(path, { ...old, mode: old.type === 'link' ? 0o777 : old.mode ^ 0o11, uid: old.uid + 1 })
  } else if (old.type !== 'directory') {
    tree.set(path, { ...node(random, old.type), mode: old.mode, uid: old.uid, note: old.note })
  } else {
    tree.set(path, { ...old, note: old.note === '' ? 'noted' : '' })
  }
}

export function edited(tree: Tree, random: Random, edits: number): Tree {
  const next = new Map(tree)
  for (let count = 0; count < edits; count++) edit(next, random)
  return next
}

export function sameNode(a: Node, b: Node): boolean {
  const alike = a.type === b.type && a.mode === b.mode && a.uid === b.uid && a.note === b.note
  return alike && (a.type === 'directory' || (a.mtime === b.mtime && a.content === b.content))
}

/** How freely a union writes down what changed. */
export interface Habits {
  /** Copies up files that did not change. */
  touches: boolean
}

/** The layer that makes one tree of another, written down in one of the ways in which a union may. */
export class LayerMaker {
  readonly layer: Layer = { entries: new Map(), gone: new Set(), opaque: new Set() }
  readonly #before: Tree
  readonly #now: Tree
  readonly #random: Random
  readonly #habits: Habits

  constructor(before: Tree, now: Tree, random: Random, habits: Habits) {
    this.#before = before
    this.#now = now
    this.#random = random
    this.#habits = habits
    this.#merge('')
  }

  /** A directory and those that it is in, as the union copies them up. */
  #hold(path: Bytes): void {
    if (path === '' || this.layer.entries.has(path)) return
    this.#hold(parentOf(path))
    const held = this.#now.get(path)
    if (held !== undefined) this.layer.entries.set(path, held)
  }

  #whole(path: Bytes): void {
    this.#hold(path)
    if (!isDirectory(this.#now, path)) return
    for (const name of childrenOf(this.#now, path)) this.#whole(join(path, name))
  }

  #merge(directory: Bytes): void {
    const all = new Set([...childrenOf(this.#before, directory), ...childrenOf(this.#now, directory)])
    for (const name of [...all].sort()) this.#entry(join(directory, name))
    if (this.#random() < 0.1) {
      // A whiteout of what was never there.
      const path = join(directory, 'never there')
      this.#hold(directory)
      this.layer.gone.add(path)
    }
  }

  #entry(path: Bytes): void {
    const [before, now] = [this.#before.get(path), this.#now.get(path)]
    if (now === undefined) {
      this.#hold(parentOf(path))
      this.layer.gone.add(path)
    } else if (before === undefined || before.type !== 'directory' || now.type !== 'directory') {
      const copied = before !== undefined && sameNode(before, now)
      if (copied && !(this.#habits.touches && this.#random() < 0.2)) return
      this.#whole(path)
      // Neither is needed: nothing is below, or what is below shows no more.
      if (now.type === 'directory' && this.#random() < 0.3) this.layer.opaque.add(path)
      if (this.#random() < 0.2) this.layer.gone.add(path)
    } else if (this.#habits.touches && this.#random() < 0.2) {
      // As if it had been removed and made anew.
      this.#whole(path)
      if (this.#random() < 0.5) this.layer.opaque.add(path)
      else this.layer.gone.add(path)
    } else {
      if (!sameNode(before, now)) this.#hold(path)
      this.#merge(path)
    }
  }
}
