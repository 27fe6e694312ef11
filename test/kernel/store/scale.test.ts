import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type GraphDriver, open } from 'graphdriver'
import { mount } from 'graphdriver/sys'
import { LONG } from '../../figures.ts'
import { describeOn } from '../working-drivers.ts'
import { Injector } from './injector.ts'
import { makeLarge } from './large.ts'
import { assertUnlocked, mountsBelow, scratchDirectory } from './support.ts'

const NONE = { code: 'EIO', calls: 'all' } as const
/** Overlay takes 500 layers below the writable one. */
const DEPTH = 400

describeOn('overlay', 'a large store', function () {
  this.timeout(LONG ? 1_200_000 : 60_000)
  const scratch = scratchDirectory()

  before(async () => {
    await mount('tmpfs', scratch.path, 'tmpfs')
  })

  const MANY = LONG ? 10_000 : 1000
  it(`of ${String(MANY)} layers: no verb makes one system call more than in one of ten`, async () => {
    const injector = new Injector()
    const callsOf = async (layers: number): Promise<Record<string, number>> => {
      const store = await makeLarge(scratch.fresh(), 'overlay', layers, Math.min(layers, DEPTH))
      // Deep enough for both stores.
      const parent = 'chain-0-8'
      const verbs: [string, () => Promise<unknown>][] = [
        ['create', () => store.create('new', { parent })],
        ['exists', () => store.exists('new')],
        ['get', () => store.get('new')],
        ['put', () => store.put('new')],
        ['get read-only', () => store.get('new', { readOnly: true })],
        ['put of the view', () => store.put('new')],
        ['changes', () => store.changes('new')],
        ['diffSize', () => store.diffSize('new')],
        ['layout', () => store.layout('new')],
        ['mounts', () => store.mounts('new')],
        ['remove', () => store.remove('new')],
        ['list', () => store.list()],
        // Where something changed it reads that directory's names once, and makes strings of those that matter.
        ['open', async () => (await open({ root: store.root })).close()],
      ]
      const calls: Record<string, number> = {}
      injector.install()
      try {
        for (const [name, work] of verbs) {
          const { calls: made, error } = await injector.run(NONE, 0, work)
          assert.equal(error, undefined, name)
          calls[name] = made.length
        }
      } finally {
        injector.uninstall()
      }
      assert.equal((await store.list()).length, layers)
      await store.close()
      return calls
    }
    assert.deepEqual(await callsOf(MANY), await callsOf(10))
  })

  it('reads no directory of layers when it is opened, unless that changed', async () => {
    const store = await makeLarge(scratch.fresh(), 'overlay', 20, 20)
    await store.close()
    const { root } = store
    const injector = new Injector()
    const reads = async (): Promise<number> => {
      injector.install()
      try {
        const opening = async (): Promise<void> => (await open({ root })).close()
        const { calls, error } = await injector.run(NONE, 0, opening)
        assert.equal(error, undefined)
        return calls.filter((name) => name === 'findNames').length
      } finally {
        injector.uninstall()
      }
    }
    assert.equal(await reads(), 4, 'what has changed just now can change again unseen')
    await sleep(2100)
    assert.equal(await reads(), 4)
    assert.equal(await reads(), 0)
    // As a process leaves it that dies after the commit of a removal.
    renameSync(join(root, 'layers/chain-0-19'), join(root, 'layers/.gone-chain-0-19'))
    assert.equal(await reads(), 1)
    assert.deepEqual(
      ['layers/.gone-chain-0-19', 'diff/chain-0-19', 'mnt/chain-0-19'].filter((path) =>
        existsSync(join(root, path)),
      ),
      [],
    )
    assert.equal(await reads(), 4)
  })

  const MOUNTED = LONG ? 1000 : 100
  it(`with ${String(MOUNTED)} layers mounted at once`, async () => {
    const store = await makeLarge(scratch.fresh(), 'overlay', 20, 20)
    const before = readdirSync('/proc/self/fd').length
    const ids = Array.from({ length: MOUNTED }, (_, at) => `top-${String(at)}`)
    for (const id of ids) await store.create(id, { parent: 'chain-0-18' })
    await Promise.all(ids.map((id) => store.get(id)))
    assert.equal((await mountsBelow(store.root)).length, MOUNTED)
    assert.equal((await store.list()).filter(({ mounted, held }) => mounted && held).length, MOUNTED)
    assert.ok(readdirSync('/proc/self/fd').length <= before + 4, 'a descriptor a mount')
    await Promise.all(ids.slice(MOUNTED / 2).map((id) => store.put(id)))
    await store.close()
    assert.deepEqual(await mountsBelow(store.root), [])
    await assertUnlocked(store.root)
  })

  const CYCLES = LONG ? 100_000 : 300
  it(`${String(CYCLES)} times get and put: nothing is left over of them`, async () => {
    const store: GraphDriver = await makeLarge(scratch.fresh(), 'overlay', 4, 4)
    await store.create('top', { parent: 'chain-0-3' })
    const cycle = async (at: number): Promise<void> => {
      await store.get('top', { readOnly: at % 10 === 0 })
      await store.put('top')
    }
    const left = (): Record<string, number> => ({
      descriptors: readdirSync('/proc/self/fd').length,
      mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length,
      files: readdirSync(store.root, { recursive: true }).length,
    })
    const threads = (): number => readdirSync('/proc/self/task').length
    for (let at = 0; at < 50; at++) await cycle(at)
    const [before, threadsBefore] = [left(), threads()]
    let memory = 0
    for (let at = 0; at < CYCLES; at++) {
      await cycle(at)
      // What the first ones grow stays: the heap of JavaScript, and what malloc keeps.
      if (at === CYCLES >> 1) memory = process.memoryUsage.rss()
    }
    assert.deepEqual(left(), before)
    assert.ok(
      threads() <= threadsBefore + 2,
      `${String(threads())} threads, and ${String(threadsBefore)} before`,
    )
    const grown = process.memoryUsage.rss() - memory
    console.log(`      the second half took ${String(Math.round(grown / 1024))} KiB more`)
    assert.ok(grown < 24 << 20, `${String(grown)} bytes more`)
    await store.close()
  })
})
