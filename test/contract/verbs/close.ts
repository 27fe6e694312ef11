import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'graphdriver'
import { isMountPoint } from 'graphdriver/mount'
import { mountPoints, names, rejects, stack, traitsOf, useStore } from '../support.ts'
import { sit } from './put.ts'

export function close(driver: string): void {
  const { union } = traitsOf(driver)

  describe('close', () => {
    const store = useStore(driver)

    beforeEach(() => stack(store.graph, ['base', 'top'], (path, id) => writeFile(join(path, id), id)))

    it('gives back every reference', async () => {
      const graph = await store.open()
      for (const readOnly of [false, true, false, true]) await graph.get('top', { readOnly })
      await graph.get('base', { readOnly: true })
      await graph.close()
      assert.deepEqual(await mountPoints(store.root), [])
      assert.deepEqual(await names(store.at('views')), [])
      await store.graph.remove('top')
    })

    it('leaves what other instances hold', async () => {
      const graph = await store.open()
      const path = await store.graph.get('top')
      await graph.get('top')
      await graph.close()
      assert.equal(await isMountPoint(path), union)
      assert.deepEqual(await names(path), ['base', 'top'])
      await store.graph.put('top')
    })

    it('waits for the calls that are under way', async () => {
      const graph = await store.open()
      const calls = Array.from({ length: 10 }, (_, at) =>
        graph.create(`layer-${String(at)}`, { parent: 'base' }),
      )
      const got = graph.get('top')
      await graph.close()
      await Promise.all(calls)
      await got
      assert.equal((await store.graph.list()).length, 12)
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('refuses later calls, and every verb says so', async () => {
      const graph = await store.open()
      await graph.close()
      const verbs = [
        () => graph.status(),
        () => graph.info(),
        () => graph.list(),
        () => graph.exists('base'),
        () => graph.create('more'),
        () => graph.remove('top'),
        () => graph.get('top'),
        () => graph.put('top'),
        () => graph.use('top'),
        () => graph.mounts('top'),
        () => graph.layout('top'),
        () => graph.cleanup(),
      ]
      for (const verb of verbs) await rejects(verb(), 'ERR_DRIVER_CLOSED')
    })

    it('can be called again', async () => {
      const graph = await store.open()
      await Promise.all([graph.close(), graph.close()])
      await graph.close()
      await graph[Symbol.asyncDispose]()
    })

    it('comes at the end of an `await using` block', async () => {
      {
        await using graph = await store.open()
        await graph.get('top')
      }
      assert.deepEqual(await mountPoints(store.root), [])
    })

    if (!union) return

    it('says what could not be unmounted, and gives back the rest', async () => {
      const graph = await open({ root: store.root, driver })
      const sitter = await sit(await graph.get('top'))
      await graph.create('other', { parent: 'base' })
      await graph.get('other')
      try {
        await rejects(graph.close(), 'ERR_LAYER_BUSY', /\(sleep\)/)
        assert.deepEqual(await mountPoints(store.root), [store.at('mnt', 'top')])
        await rejects(graph.get('top'), 'ERR_DRIVER_CLOSED')
      } finally {
        await sitter.end()
      }
      // Nobody holds it any more.
      await store.graph.put('top')
    })
  })
}
