import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isMountPoint } from 'graphdriver/mount'
import { mountPoints, names, rejects, stack, text, traitsOf, useStore } from '../support.ts'
import { sit } from './put.ts'

export function views(driver: string): void {
  const { union } = traitsOf(driver)

  describe('a read-only view', () => {
    const store = useStore(driver)
    const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

    for (const id of ['base', 'top']) {
      it(`of ${id === 'base' ? 'a base layer' : 'a stack'} cannot be written through`, async () => {
        await stack(store.graph, id === 'base' ? ['base'] : ['base', 'top'], fill)
        const view = await store.graph.get(id, { readOnly: true })
        assert.equal(dirname(view), store.at('views'))
        assert.equal(await isMountPoint(view), true)
        assert.equal(await text(join(view, 'base')), 'base')
        await rejects(writeFile(join(view, 'more'), ''), 'EROFS')
        await rejects(writeFile(join(view, 'base'), ''), 'EROFS')
        await rejects(rm(join(view, 'base')), 'EROFS')
        await store.graph.put(id)
        assert.deepEqual(await mountPoints(store.root), [])
        assert.deepEqual(await names(store.at('views')), [])
      })
    }

    it('shows what a writer does meanwhile', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const view = await store.graph.get('top', { readOnly: true })
      const path = await store.graph.get('top')
      await writeFile(join(path, 'more'), 'just now')
      await rm(join(path, 'base'))
      assert.equal(await text(join(view, 'more')), 'just now')
      assert.deepEqual(await names(view), ['more', 'top'])
      await store.graph.put('top')
      await store.graph.put('top')
    })

    it('is one more reference: what was gotten last is given back first', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const path = await store.graph.get('top')
      const view = await store.graph.get('top', { readOnly: true })
      assert.notEqual(view, path)
      await store.graph.put('top')
      assert.equal(await isMountPoint(view).catch(() => false), false)
      await writeFile(join(path, 'more'), '')
      await store.graph.put('top')
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('is shared by the readers of one instance, and each instance has its own', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const second = await store.open()
      const view = await store.graph.get('top', { readOnly: true })
      assert.equal(await store.graph.get('top', { readOnly: true }), view)
      const other = await second.get('top', { readOnly: true })
      assert.notEqual(other, view)
      await store.graph.put('top')
      assert.deepEqual(await names(view), ['base', 'top'])
      await store.graph.put('top')
      assert.deepEqual(await names(other), ['base', 'top'])
      await second.put('top')
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('of a layer keeps it from being removed', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const second = await store.open()
      await second.get('top', { readOnly: true })
      await rejects(store.graph.remove('top'), 'ERR_LAYER_IN_USE')
      await second.put('top')
      await store.graph.remove('top')
    })

    it('does not keep a layer from getting a child', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const view = await store.graph.get('top', { readOnly: true })
      await store.graph.create('child', { parent: 'top' })
      assert.deepEqual(await names(view), ['base', 'top'])
      await store.graph.put('top')
    })

    it('of a frozen layer shows the whole stack', async () => {
      await stack(store.graph, ['base', 'middle', 'top'], fill)
      const view = await store.graph.get('middle', { readOnly: true })
      assert.deepEqual(await names(view), ['base', 'middle'])
      await store.graph.put('middle')
    })

    it('in which somebody works stays, and put can be repeated', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const view = await store.graph.get('top', { readOnly: true })
      const mounted = await mountPoints(store.root)
      const sitter = await sit(view)
      try {
        await rejects(
          store.graph.put('top'),
          'ERR_LAYER_BUSY',
          new RegExp(`${String(sitter.pid)} \\(sleep\\)`),
        )
        assert.deepEqual(await mountPoints(store.root), mounted)
        assert.equal(await store.graph.get('top', { readOnly: true }), view)
        await store.graph.put('top')
        assert.deepEqual(await names(view), ['base', 'top'])
      } finally {
        await sitter.end()
      }
      await store.graph.put('top')
      assert.deepEqual(await mountPoints(store.root), [])
      assert.deepEqual(await names(store.at('views')), [])
    })

    it('can be detached', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const view = await store.graph.get('top', { readOnly: true })
      const sitter = await sit(view)
      try {
        await store.graph.put('top', { detach: true })
        assert.deepEqual(await mountPoints(store.root), [])
      } finally {
        await sitter.end()
      }
    })

    if (!union) return

    it('stays where it is when put cannot unmount the union', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const view = await store.graph.get('top', { readOnly: true })
      const mounted = await mountPoints(store.root)
      const sitter = await sit(await store.graph.get('top'))
      try {
        await store.graph.put('top')
        await rejects(store.graph.put('top'), 'ERR_LAYER_BUSY')
        assert.deepEqual((await mountPoints(store.root)).sort(), mounted.sort())
        assert.deepEqual(await names(view), ['base', 'top'])
        assert.equal(await store.graph.get('top', { readOnly: true }), view)
        await store.graph.put('top')
      } finally {
        await sitter.end()
      }
      await store.graph.put('top')
      assert.deepEqual(await mountPoints(store.root), [])
      assert.deepEqual(await names(store.at('views')), [])
    })

    it('outlives the put of who had the layer writable', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const second = await store.open()
      const path = await store.graph.get('top')
      const view = await second.get('top', { readOnly: true })
      await writeFile(join(path, 'more'), '')
      await store.graph.put('top')
      assert.deepEqual(await names(view), ['base', 'more', 'top'])
      await second.put('top')
      assert.deepEqual(await mountPoints(store.root), [])
    })
  })
}
