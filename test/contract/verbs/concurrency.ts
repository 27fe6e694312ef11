import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as tick } from 'node:timers/promises'
import { setStepHook } from '#lib/store/step.js'
import { mountPoints, names, stack, text, traitsOf, useStore } from '../support.ts'

/** The code of each failure, 'done' for what succeeded. */
async function outcomes(calls: readonly Promise<unknown>[]): Promise<string[]> {
  const results = await Promise.allSettled(calls)
  return results.map((result) =>
    result.status === 'fulfilled' ? 'done' : ((result.reason as NodeJS.ErrnoException).code ?? 'none'),
  )
}

export function concurrency(driver: string): void {
  const { union } = traitsOf(driver)

  describe('at the same time', () => {
    const store = useStore(driver)
    const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

    beforeEach(() => stack(store.graph, ['base', 'top'], fill))
    afterEach(() => {
      setStepHook(undefined)
    })

    it('many gets of one layer mount it once, and as many puts unmount it', async () => {
      const second = await store.open()
      const graphs = Array.from({ length: 30 }, (_, at) => (at % 2 === 0 ? store.graph : second))
      const paths = await Promise.all(graphs.map((graph) => graph.get('top')))
      assert.equal(new Set(paths).size, 1)
      assert.equal((await mountPoints(store.root)).length, union ? 1 : 0)
      await Promise.all(graphs.slice(1).map((graph) => graph.put('top')))
      assert.deepEqual(await names(paths[0]!), ['base', 'top'])
      await store.graph.put('top')
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('of get and remove of one layer one wins', async () => {
      for (let round = 0; round < 6; round++) {
        const get = (): Promise<unknown> => store.graph.get('top')
        const remove = (): Promise<unknown> => store.graph.remove('top')
        const calls = round % 2 === 0 ? [get(), remove()] : [remove(), get()].reverse()
        const found = await outcomes(calls)
        if (found[0] === 'done') {
          assert.deepEqual(found, ['done', 'ERR_LAYER_IN_USE'])
          await store.graph.put('top')
          continue
        }
        assert.deepEqual(found, ['ERR_LAYER_NOT_FOUND', 'done'])
        await store.graph.create('top', { parent: 'base' })
      }
    })

    it('get, put and remove of one layer by two instances never leave it half', async () => {
      const graphs = [store.graph, await store.open()]
      for (let round = 0; round < 4; round++) {
        const calls = Array.from({ length: 24 }, (_, at) => {
          const graph = graphs[at % 2]!
          if (at === 12) return graph.remove('top')
          return at % 3 === 0 ? graph.put('top') : graph.get('top', { readOnly: at % 3 === 1 })
        })
        for (const code of await outcomes(calls)) {
          assert.match(code, /^(done|ERR_LAYER_IN_USE|ERR_LAYER_NOT_FOUND)$/)
        }
        for (const graph of graphs)
          for (let left = 0; left < 24; left++) await graph.put('top').catch(() => undefined)
        assert.deepEqual(await mountPoints(store.root), [])
        assert.deepEqual(await names(store.at('views')), [])
        if (!(await store.graph.exists('top'))) await store.graph.create('top', { parent: 'base' })
      }
    })

    it('of many creations of one id one wins', async () => {
      const graphs = [store.graph, await store.open()]
      const calls = Array.from({ length: 12 }, (_, at) => graphs[at % 2]!.create('new', { parent: 'base' }))
      const found = await outcomes(calls)
      assert.equal(found.filter((code) => code === 'done').length, 1)
      assert.equal(found.filter((code) => code === 'ERR_LAYER_EXISTS').length, 11)
    })

    it('of the creation of a child and the removal of its parent one wins', async () => {
      for (let round = 0; round < 6; round++) {
        const create = (): Promise<void> => store.graph.create('child', { parent: 'top' })
        const remove = (): Promise<void> => store.graph.remove('top')
        const found = await outcomes(round % 2 === 0 ? [create(), remove()] : [remove(), create()].reverse())
        if (found[0] === 'done') {
          assert.deepEqual(found, ['done', 'ERR_LAYER_HAS_CHILDREN'])
          await store.graph.remove('child')
          continue
        }
        assert.deepEqual(found, ['ERR_LAYER_NOT_FOUND', 'done'])
        await store.graph.create('top', { parent: 'base' })
      }
    })

    it('fifty different layers are made, used and removed', async () => {
      const ids = Array.from({ length: 50 }, (_, at) => `layer-${String(at)}`)
      await Promise.all(ids.map((id) => store.graph.create(id, { parent: 'top' })))
      const paths = await Promise.all(ids.map((id) => store.graph.get(id)))
      assert.equal((await mountPoints(store.root)).length, union ? 50 : 0)
      await Promise.all(paths.map((path, at) => writeFile(join(path, 'own'), ids[at]!)))
      for (const [at, path] of paths.entries()) {
        assert.deepEqual(await names(path), ['base', 'own', 'top'])
        assert.equal(await text(join(path, 'own')), ids[at])
      }
      await Promise.all(ids.map((id) => store.graph.put(id)))
      assert.deepEqual(await mountPoints(store.root), [])
      await Promise.all(ids.map((id) => store.graph.remove(id)))
      assert.deepEqual(await names(store.at('layers')), ['base', 'top'])
    })

    it('different layers do not wait for one another; calls for one layer do', async () => {
      let go!: () => void
      const stopped = new Promise<void>((resolve) => (go = resolve))
      let reached!: () => void
      const there = new Promise<void>((resolve) => (reached = resolve))
      setStepHook((step) => {
        if (step !== 'made diff') return undefined
        setStepHook(undefined)
        reached()
        return stopped
      })
      const slow = store.graph.create('slow')
      await there
      let early = false
      const waiting = store.graph.get('slow').then(() => (early = true))
      await store.graph.create('quick', { parent: 'base' })
      await store.graph.get('quick')
      await store.graph.put('quick')
      await store.graph.remove('quick')
      await tick()
      assert.equal(early, false)
      go()
      await slow
      await waiting
      await store.graph.put('slow')
    })

    it('four processes make, use and remove layers of one root', async () => {
      const words = ['p', 'q', 'r', 's']
      const processes = await Promise.all(words.map(() => store.elsewhere()))
      await Promise.all(processes.map((one, at) => one.churn(words[at]!, 'top', 6)))
      const wanted = words.flatMap((word) => [1, 3, 5].map((round) => `${word}-${String(round)}`))
      assert.deepEqual((await store.graph.list()).map(({ id }) => id).sort(), ['base', ...wanted, 'top'])
      assert.deepEqual(await mountPoints(store.root), [])
      for (const id of wanted) assert.equal(await text(store.at('diff', id, 'file')), id)
      assert.deepEqual(await names(store.at('children', 'top')), wanted)
    })

    it('four processes take and give back one layer', async () => {
      const words = ['p', 'q', 'r', 's']
      await store.graph.create('shared', { parent: 'top' })
      const processes = await Promise.all(words.map(() => store.elsewhere()))
      await Promise.all(processes.map((one, at) => one.race('shared', words[at]!, 12)))
      assert.deepEqual(await mountPoints(store.root), [])
      const path = await store.graph.get('shared')
      assert.deepEqual(await names(path), ['base', ...words, 'top'])
      for (const word of words) assert.equal(await text(join(path, word)), '11')
      await store.graph.put('shared')
    })
  })
}
