import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, type GraphDriver, type OpenOptions } from 'graphdriver'
import { EXT4_SUPER_MAGIC } from 'graphdriver/sys'
import { setBinding } from '#lib/sys/binding.js'
import { FakeKernel, type FakeOptions } from '../../../fake-aufs/kernel.ts'
import { Rules, type Build } from '../../../fake-aufs/rules.ts'

/** A root on a fake kernel, as if on ext4 wherever it lies. */
export class Fixture {
  root = ''
  kernel!: FakeKernel
  readonly #opened: GraphDriver[] = []

  at(...names: string[]): string {
    return join(this.root, ...names)
  }

  /** Puts a kernel behind the binding. */
  boot(build: Partial<Build> = {}, options: FakeOptions = {}): FakeKernel {
    setBinding(undefined)
    const filesystemOf = build.filesystemOf ?? (() => undefined)
    const rules = new Rules({ ...build, filesystemOf: (path) => filesystemOf(path) ?? EXT4_SUPER_MAGIC })
    this.kernel = new FakeKernel(rules, options)
    setBinding(this.kernel.native)
    return this.kernel
  }

  async open(options: Partial<OpenOptions> = {}): Promise<GraphDriver> {
    const graph = await open({ root: this.root, driver: 'aufs', sync: 'none', ...options })
    this.#opened.push(graph)
    this.kernel.calls.length = 0
    return graph
  }

  async end(): Promise<void> {
    this.kernel.busy.clear()
    for (const graph of this.#opened.splice(0)) await graph.close().catch(() => undefined)
    setBinding(undefined)
    rmSync(this.root, { recursive: true, force: true })
  }
}

/** A fresh root and a fresh kernel for every test. */
export function useFixture(build: Partial<Build> = {}, options: FakeOptions = {}): Fixture {
  const fixture = new Fixture()
  beforeEach(() => {
    fixture.root = realpathSync(mkdtempSync(join(tmpdir(), 'aufs-')))
    fixture.boot(build, options)
  })
  afterEach(() => fixture.end())
  return fixture
}

/** Makes layers on top of one another by hand: the verbs take their time, and are not what is tested. */
export function lay(store: Fixture, all: readonly string[]): void {
  for (const [at, id] of all.entries()) {
    const ancestors = all.slice(0, at).reverse()
    for (const name of ['diff', 'mnt']) mkdirSync(store.at(name, id), { recursive: true })
    const [parent] = ancestors
    if (parent !== undefined) {
      mkdirSync(store.at('children', parent), { recursive: true })
      writeFileSync(store.at('children', parent, id), '')
    }
    writeFileSync(store.at('layers', id), ancestors.map((one) => `${one}\n`).join(''))
  }
}

/** Makes layers on top of one another. */
export async function chain(graph: GraphDriver, ids: readonly string[]): Promise<void> {
  for (const [at, id] of ids.entries()) {
    const parent = ids[at - 1]
    await graph.create(id, parent === undefined ? {} : { parent })
  }
}

export function ids(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `layer-${String(at).padStart(4, '0')}`)
}
