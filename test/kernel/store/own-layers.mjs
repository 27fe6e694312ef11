// Layers that one of several processes has to itself, and a model of them: what each has to show, whatever the others do.
import { readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromEntries } from 'graphdriver/archive'

const MOST_LAYERS = 5
const NAMES = ['a', 'b', 'c', 'd', 'e']

/** A layer is { parent, files }: what it has of its own by name, null where it deletes what is below. */
export class OwnLayers {
  #store
  #prefix
  #random
  #layers = new Map()
  #made = 0

  /** @param random answers a whole number below the one that it is given. */
  constructor(store, prefix, random) {
    this.#store = store
    this.#prefix = prefix
    this.#random = random
  }

  /** One random operation; nobody else knows these layers, so none may fail. Answers its name. */
  async play() {
    const id = this.#pick([...this.#layers.keys()])
    if (id === undefined || (this.#layers.size < MOST_LAYERS && this.#random(3) === 0)) return this.#create()
    const operations = ['look', 'changes', 'size', 'copy', 'flatten']
    if (this.#isLeaf(id)) operations.push('edit', 'edit', 'apply', 'remove')
    const name = this.#pick(operations)
    await this[name](id)
    return name
  }

  /** Compares every layer with the model. */
  async check() {
    for (const id of this.#layers.keys()) await this.look(id)
  }

  /** What has to be there in the end: by id the parent, and the files that its view shows. */
  expected() {
    const rows = [...this.#layers].map(([id, { parent }]) => [id, { parent, view: this.#view(id) }])
    return Object.fromEntries(rows)
  }

  async #create() {
    const id = this.#fresh()
    const parent = this.#random(3) === 0 ? undefined : this.#pick([...this.#layers.keys()])
    const empty = this.#random(2) === 0
    const files = empty ? new Map() : this.#randomFiles(parent)
    const from = empty ? undefined : tarOf(files)
    await this.#store.create(id, { ...(parent && { parent }), ...(from && { from }) })
    this.#layers.set(id, { parent, files })
    return empty ? 'create' : 'create from'
  }

  async look(id) {
    const path = await this.#store.get(id, { readOnly: true })
    const found = Object.fromEntries(
      readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]),
    )
    await this.#store.put(id)
    same(found, this.#view(id), `the view of ${id}`)
  }

  async changes(id) {
    const { parent, files } = this.#layers.get(id)
    const below = parent === undefined ? {} : this.#view(parent)
    const kindOf = (name, content) => (content === null ? 'deleted' : name in below ? 'modified' : 'added')
    const wanted = [...files]
      .filter(([name, content]) => content !== null || name in below)
      .map(([name, content]) => `${kindOf(name, content)} ${name}`)
    const found = (await this.#store.changes(id)).map(
      ({ kind, path }) => `${kind} ${path.replace(/^\//, '')}`,
    )
    same(found.sort(), wanted.sort(), `the changes of ${id}`)
  }

  async size(id) {
    const { files } = this.#layers.get(id)
    const wanted = [...files.values()].reduce((sum, content) => sum + (content?.length ?? 0), 0)
    same(await this.#store.diffSize(id), wanted, `the size of ${id}`)
  }

  /** A layer out, and in again under another name. */
  async copy(id) {
    if (this.#layers.size >= MOST_LAYERS) return
    const { parent, files } = this.#layers.get(id)
    const copy = this.#fresh()
    await this.#store.create(copy, { ...(parent && { parent }), from: await this.#store.diff(id) })
    this.#layers.set(copy, { parent, files: new Map(files) })
  }

  async flatten(id) {
    if (this.#layers.size >= MOST_LAYERS) return
    const flat = this.#fresh()
    await this.#store.flatten(id, flat)
    this.#layers.set(flat, { parent: undefined, files: new Map(Object.entries(this.#view(id))) })
  }

  async edit(id) {
    const { parent, files } = this.#layers.get(id)
    const below = parent === undefined ? {} : this.#view(parent)
    const path = await this.#store.get(id)
    for (const [name, content] of this.#randomFiles(id)) {
      if (content !== null) writeFileSync(join(path, name), content)
      else unlinkSync(join(path, name))
      if (content === null && !(name in below)) files.delete(name)
      else files.set(name, content)
    }
    await this.#store.put(id)
  }

  async apply(id) {
    const { parent, files } = this.#layers.get(id)
    const fresh = this.#randomFiles(parent)
    const code = await this.#store.applyDiff(id, tarOf(fresh)).then(
      () => undefined,
      (error) => error.code,
    )
    same(code, files.size > 0 ? 'ERR_LAYER_NOT_EMPTY' : undefined, `a tar for ${id}`)
    if (code === undefined) this.#layers.set(id, { parent, files: fresh })
  }

  async remove(id) {
    await this.#store.remove(id)
    this.#layers.delete(id)
  }

  #fresh() {
    return `${this.#prefix}-${(this.#made += 1)}`
  }

  #pick(list) {
    return list[this.#random(list.length)]
  }

  #isLeaf(id) {
    return ![...this.#layers.values()].some(({ parent }) => parent === id)
  }

  #view(id) {
    const { parent, files } = this.#layers.get(id)
    const view = parent === undefined ? {} : this.#view(parent)
    for (const [name, content] of files) {
      if (content === null) delete view[name]
      else view[name] = content
    }
    return view
  }

  /** A few files that are new, other or gone against what `below` shows. */
  #randomFiles(below) {
    const view = below === undefined ? {} : this.#view(below)
    const files = new Map()
    for (const name of NAMES) {
      if (this.#random(2) === 0) continue
      const gone = name in view && this.#random(3) === 0
      files.set(name, gone ? null : `${name} ${this.#random(1_000_000_000)}`)
    }
    return files
  }
}

function tarOf(files) {
  return fromEntries(
    [...files].map(([name, content]) =>
      content === null
        ? { name: `.wh.${name}`, type: 'file', size: 0 }
        : { name, type: 'file', body: Buffer.from(content) },
    ),
  )
}

function same(found, wanted, what) {
  const [left, right] = [found, wanted].map((value) => JSON.stringify(sorted(value)))
  if (left !== right) throw new Error(`${what}: found ${left}, and not ${right}`)
}

function sorted(value) {
  return typeof value === 'object' && !Array.isArray(value) ? Object.entries(value).sort() : String(value)
}
