import assert from 'node:assert/strict'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open, type GraphDriver } from 'graphdriver'
import { mountPoints, names, rejects, snapshot, stack, useStore } from '../support.ts'

export function readOnly(driver: string): void {
  describe('open({ readOnly: true })', () => {
    const store = useStore(driver)
    const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

    async function openReadOnly(): Promise<GraphDriver> {
      await stack(store.graph, ['base', 'middle', 'top'], fill)
      return store.open({ readOnly: true })
    }

    it('lists and describes layers', async () => {
      const graph = await openReadOnly()
      assert.equal(graph.name, driver)
      assert.deepEqual(await graph.list(), await store.graph.list())
      assert.equal(await graph.exists('middle'), true)
      assert.equal(await graph.exists('nobody'), false)
      assert.deepEqual(await graph.layout('top'), await store.graph.layout('top'))
      const info = await graph.info()
      assert.deepEqual([info.driver, info.layers, info.mounted], [driver, 3, 0])
      assert.deepEqual((await graph.status())[0], ['Driver', driver])
    })

    it('gives the mounts of a layer as data', async () => {
      const graph = await openReadOnly()
      const [mount] = await graph.mounts('top', { readOnly: true })
      assert.ok(mount!.options.includes('ro'), mount!.options.join())
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('needs no driver named', async () => {
      await openReadOnly()
      await using graph = await open({ root: store.root, readOnly: true })
      assert.equal(graph.name, driver)
    })

    it('refuses everything that would change something', async () => {
      const graph = await openReadOnly()
      const calls: Record<string, () => Promise<unknown>> = {
        create: () => graph.create('new'),
        remove: () => graph.remove('top'),
        get: () => graph.get('top'),
        'get a view': () => graph.get('top', { readOnly: true }),
        put: () => graph.put('top'),
        use: () => graph.use('top'),
        cleanup: () => graph.cleanup(),
      }
      for (const call of Object.values(calls)) await rejects(call(), 'ERR_STORE_READ_ONLY')
    })

    it('writes nothing, and sweeps nothing', async () => {
      await stack(store.graph, ['base', 'middle', 'top'], fill)
      await writeFile(store.at('layers', '.new-half'), 'base\n')
      await mkdir(store.at('diff', 'half'))
      await mkdir(store.at('diff', 'old-removing'))
      const before = await snapshot(store.root)
      const graph = await store.open({ readOnly: true })
      await graph.list()
      await graph.info()
      await graph.mounts('top')
      await graph.layout('top')
      await rejects(graph.get('top'), 'ERR_STORE_READ_ONLY')
      await graph.close()
      assert.deepEqual(await snapshot(store.root), before)
    })

    it('tells who holds a layer, without a lock of its own in the way', async () => {
      const graph = await openReadOnly()
      const inUse = async (): Promise<string[]> =>
        (await graph.list()).filter((layer) => layer.inUse && !layer.held).map(({ id }) => id)
      assert.deepEqual(await inUse(), [])
      await store.graph.get('base')
      await store.graph.get('top', { readOnly: true })
      assert.deepEqual(await inUse(), ['base', 'top'])
      await store.graph.put('top')
      assert.deepEqual(await inUse(), ['base'])
      await store.graph.put('base')
      await store.graph.remove('top')
      assert.deepEqual(
        (await graph.list()).map(({ id }) => id),
        ['base', 'middle'],
      )
    })

    it('needs no lock file', async () => {
      await openReadOnly()
      await store.graph.close()
      await rm(store.at('lock'))
      const graph = await store.open({ readOnly: true })
      assert.equal((await graph.list()).length, 3)
      assert.equal((await names(store.root)).includes('lock'), false)
    })

    it('refuses what is no store', async () => {
      await mkdir(store.at('empty'))
      await rejects(open({ root: store.at('empty'), readOnly: true }), 'ERR_STORE_FOREIGN')
      assert.deepEqual(await names(store.at('empty')), [])
      await rejects(open({ root: store.at('missing'), readOnly: true }), 'ENOENT')
      assert.equal((await names(store.root)).includes('missing'), false)
    })
  })
}
