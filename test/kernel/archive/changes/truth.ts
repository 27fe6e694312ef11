import { type Bytes, join } from './layers.ts'
import { childrenOf, isDirectory, sameNode, type Tree } from './model.ts'

/** What a comparison must answer, found out from the trees alone. */
export class Truth {
  readonly changes: string[] = []
  readonly #before: Tree
  readonly #now: Tree
  readonly #touched: ReadonlySet<Bytes>

  /** @param touched files that count as modified, whether they are or not. */
  constructor(before: Tree, now: Tree, touched: ReadonlySet<Bytes> = new Set()) {
    this.#before = before
    this.#now = now
    this.#touched = touched
    this.#inside('')
  }

  #say(kind: string, path: Bytes): void {
    this.changes.push(`${kind} /${path}`)
  }

  #names(tree: Tree, directory: Bytes): Bytes[] {
    return isDirectory(tree, directory) ? childrenOf(tree, directory) : []
  }

  #inside(directory: Bytes): void {
    const now = this.#names(this.#now, directory)
    const isNew = !isDirectory(this.#before, directory)
    const before = isNew ? [] : this.#names(this.#before, directory)
    for (const name of before) if (!now.includes(name)) this.#say('deleted', join(directory, name))
    for (const name of now) this.#entry(join(directory, name), isNew)
  }

  #entry(path: Bytes, parentIsNew: boolean): void {
    const now = this.#now.get(path)!
    const before = parentIsNew ? undefined : this.#before.get(path)
    if (before === undefined) this.#say('added', path)
    else if (this.#differs(path)) this.#say('modified', path)
    if (now.type === 'directory') this.#inside(path)
  }

  #differs(path: Bytes): boolean {
    const [before, now] = [this.#before.get(path)!, this.#now.get(path)!]
    if (!sameNode(before, now)) return true
    if (now.type !== 'directory') return this.#touched.has(path)
    return childrenOf(this.#before, path).join('/') !== childrenOf(this.#now, path).join('/')
  }
}
