// What every row works with: a scratch directory, a store, the trees, and the peers.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { open, probe } from 'graphdriver'
import { syncfs } from 'graphdriver/sys'
import { trees } from './trees.mjs'

/** Thrown by a row that cannot be measured here; the message says why. */
export class Unavailable extends Error {}

export class Bench {
  scratch
  seed
  factor
  #store
  #layers = new Map()
  #programs = new Map()

  constructor(scratch, { seed, factor }) {
    this.scratch = scratch
    this.seed = seed
    this.factor = factor
  }

  /** A path in the scratch directory. */
  at(...names) {
    return join(this.scratch, ...names)
  }

  /** A count, made smaller by the factor. */
  scaled(count) {
    return Math.ceil(count * this.factor)
  }

  /** The store that holds the trees: overlay's where that works, else vfs's. */
  store() {
    this.#store ??= this.#open()
    return this.#store
  }

  async #open() {
    const reports = await probe(this.scratch)
    const works = reports.some(({ driver, supported }) => driver === 'overlay' && supported)
    return open({ root: this.at('store'), driver: works ? 'overlay' : 'vfs', sync: 'none' })
  }

  /** A base layer that holds a tree, made when the first row asks for it; answers the tree's directory. */
  layer(tree) {
    if (!this.#layers.has(tree)) this.#layers.set(tree, this.#plant(tree))
    return this.#layers.get(tree)
  }

  async #plant(tree) {
    const graph = await this.store()
    await graph.create(tree)
    const directory = await graph.get(tree)
    this.plant(tree, directory)
    await graph.put(tree)
    await this.sync()
    return directory
  }

  /** Fills a directory with a tree. */
  plant(tree, directory) {
    trees[tree](directory, { seed: this.seed, factor: this.factor })
  }

  /** Has the kernel write down what was made, so that it does not do so while something is measured. */
  async sync() {
    const fd = openSync(this.scratch, 'r')
    try {
      await syncfs(fd)
    } finally {
      closeSync(fd)
    }
  }

  /** The program that peers/<name>.c is. */
  program(name) {
    if (!this.#programs.has(name)) this.#programs.set(name, this.#compile(name))
    return this.#programs.get(name)
  }

  #compile(name) {
    const source = join(import.meta.dirname, 'peers', `${name}.c`)
    mkdirSync(this.at('programs'), { recursive: true })
    const program = this.at('programs', name)
    const { error, status, stderr } = spawnSync('cc', ['-O2', '-Wall', '-pthread', '-o', program, source], {
      encoding: 'utf8',
    })
    if (error) throw new Unavailable(`cc is missing: ${error.message}`)
    if (status !== 0) throw new Error(`cc ${source}:\n${stderr}`)
    return program
  }

  /** The program that peers/<name>.go is, with the libraries of Debian's packages. */
  goProgram(name) {
    if (!this.#programs.has(name)) this.#programs.set(name, this.#compileGo(name))
    return this.#programs.get(name)
  }

  #compileGo(name) {
    mkdirSync(this.at('programs'), { recursive: true })
    const program = this.at('programs', name)
    const source = join(import.meta.dirname, 'peers', `${name}.go`)
    const env = { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' }
    const { error, status, stderr } = spawnSync('go', ['build', '-o', program, source], {
      encoding: 'utf8',
      env: { ...env, GOCACHE: this.at('programs', 'cache') },
    })
    const install = 'apt-get install golang-go golang-github-moby-sys-dev'
    if (error || /cannot find package/.test(stderr))
      throw new Unavailable(`Go, or moby/sys, is missing: ${install}`)
    if (status !== 0) throw new Error(`go build ${source}:\n${stderr}`)
    return program
  }

  /** Runs a program that takes its own time; answers nanoseconds. */
  async clocked(program, ...args) {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
    const [nanoseconds, complaint, [status]] = await Promise.all([
      text(child.stdio[3]),
      text(child.stderr),
      once(child, 'close'),
    ])
    if (status !== 0)
      throw new Error(`${program} ${args.join(' ')}: exit status ${status}: ${complaint.trim()}`)
    return Number(nanoseconds)
  }

  /** Runs any command; answers nanoseconds from its start to its end. */
  timed(...command) {
    return this.clocked(this.program('timed'), ...command)
  }

  async close() {
    await (await this.#store)?.close()
  }
}
