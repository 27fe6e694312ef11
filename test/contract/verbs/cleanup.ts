import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mountSync, umount2Sync } from 'graphdriver/sys'
import { setStepHook } from '#lib/store/step.js'
import { mountPoints, names, stack, text, traitsOf, useStore } from '../support.ts'
import { sit } from './put.ts'

export function cleanup(driver: string): void {
  const { union } = traitsOf(driver)

  describe('cleanup', () => {
    const store = useStore(driver)
    const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

    afterEach(() => {
      setStepHook(undefined)
    })

    it('has nothing to do in a store that is in order', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      assert.deepEqual(await store.graph.cleanup(), { unmounted: [], busy: [], removed: [] })
    })

    it('takes away the views of a process that was killed', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const other = await store.elsewhere()
      await other.get('top', { readOnly: true })
      await other.get('base', { readOnly: true })
      await other.end()
      assert.equal((await names(store.at('views'))).length, 2)
      await store.graph.cleanup()
      assert.deepEqual(await mountPoints(store.root), [])
      assert.deepEqual(await names(store.at('views')), [])
    })

    it('leaves what is held: views and mounts, here and elsewhere', async () => {
      await stack(store.graph, ['base', 'one'], fill)
      await store.graph.create('two', { parent: 'base' })
      const other = await store.elsewhere()
      const paths = [
        await store.graph.get('one', { readOnly: true }),
        await store.graph.get('one'),
        await other.get('two', { readOnly: true }),
        await other.get('two'),
      ]
      assert.deepEqual((await store.graph.cleanup()).unmounted, [])
      assert.deepEqual((await other.cleanup()).unmounted, [])
      for (const path of paths) assert.ok((await names(path)).includes('base'), path)
      for (const graph of [store.graph, store.graph]) await graph.put('one')
      for (const graph of [other, other]) await graph.put('two')
    })

    it('deletes contents that belong to no layer only when asked', async () => {
      await stack(store.graph, ['base'], fill)
      await mkdir(store.at('diff', 'orphan'))
      await writeFile(store.at('diff', 'orphan', 'file'), 'kept')
      assert.deepEqual((await store.graph.cleanup()).removed, [])
      assert.equal(await text(store.at('diff', 'orphan', 'file')), 'kept')
      assert.deepEqual((await store.graph.cleanup({ orphans: true })).removed, ['orphan'])
      assert.deepEqual(await names(store.at('diff')), ['base'])
      assert.deepEqual(await store.graph.list().then((all) => all.map(({ id }) => id)), ['base'])
    })

    it('leaves what somebody is just making', async () => {
      await writeFile(store.at('layers', '.new-half'), '')
      await mkdir(store.at('diff', 'half'))
      assert.deepEqual((await store.graph.cleanup({ orphans: true })).removed, [])
      assert.deepEqual(await names(store.at('diff')), ['half'])
    })

    if (!union) return

    it('unmounts what a process that was killed left', async () => {
      await stack(store.graph, ['base', 'one'], fill)
      await store.graph.create('two', { parent: 'base' })
      const other = await store.elsewhere()
      await other.get('one')
      await other.get('two')
      await other.end()
      assert.equal((await mountPoints(store.root)).length, 2)
      assert.deepEqual((await store.graph.cleanup()).unmounted, ['one', 'two'])
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('names what somebody still works in, and takes the rest', async () => {
      await stack(store.graph, ['base', 'one'], fill)
      await store.graph.create('two', { parent: 'base' })
      const other = await store.elsewhere()
      const sitter = await sit(await other.get('one'))
      await other.get('two')
      await other.end()
      try {
        assert.deepEqual(await store.graph.cleanup(), { unmounted: ['two'], busy: ['one'], removed: [] })
      } finally {
        await sitter.end()
      }
      assert.deepEqual((await store.graph.cleanup()).unmounted, ['one'])
    })

    it('waits for who is just mounting a layer, and leaves it to him', async () => {
      await stack(store.graph, ['base', 'one'], fill)
      const second = await store.open()
      for (const graph of [store.graph, second]) {
        let go!: () => void
        const stopped = new Promise<void>((resolve) => (go = resolve))
        const mounted = new Promise<void>((reached) => {
          setStepHook((step) => {
            if (step !== 'mounted') return undefined
            reached()
            return stopped
          })
        })
        const getting = store.graph.get('one')
        await mounted
        const cleaning = graph.cleanup()
        // Time enough for a cleanup that does not wait.
        for (let more = 0; more < 5; more++) await graph.list()
        const during = await mountPoints(store.root)
        go()
        assert.equal(during.length, 1)
        assert.deepEqual((await cleaning).unmounted, [])
        assert.deepEqual(await names(await getting), ['base', 'one'])
        await store.graph.put('one')
      }
    })

    it('names what has mounts below it', async () => {
      await stack(store.graph, ['base', 'one'], fill)
      const other = await store.elsewhere()
      const path = await other.get('one')
      await other.end()
      await mkdir(join(path, 'below'))
      mountSync('none', join(path, 'below'), 'tmpfs')
      assert.deepEqual((await store.graph.cleanup()).busy, ['one'])
      umount2Sync(join(path, 'below'))
      assert.deepEqual((await store.graph.cleanup()).unmounted, ['one'])
    })
  })
}
