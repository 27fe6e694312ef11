import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMountPoint } from 'graphdriver/mount'
import { mountPoints, names, rejects, stack, text, traitsOf, useStore } from '../support.ts'
import { sit } from './put.ts'

export function use(driver: string): void {
  const { union } = traitsOf(driver)

  describe('use', () => {
    const store = useStore(driver)
    const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

    beforeEach(() => stack(store.graph, ['base', 'top'], fill))

    it('gives the layer back at the end of its block', async () => {
      {
        await using rootfs = await store.graph.use('top')
        assert.deepEqual(await names(rootfs.path), ['base', 'top'])
        assert.equal(await isMountPoint(rootfs.path), union)
      }
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('gives it back when the block throws', async () => {
      const fails = async (): Promise<void> => {
        await using rootfs = await store.graph.use('top')
        throw new Error(`in ${rootfs.path}`)
      }
      await assert.rejects(fails(), /in .*top/)
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('carries a descriptor, for whoever may not pass through the root', async () => {
      await using rootfs = await store.graph.use('top')
      const through = `/proc/self/fd/${String(rootfs.fd)}`
      assert.equal(await text(join(through, 'base')), 'base')
      await writeFile(join(through, 'more'), 'more')
      assert.equal(await text(join(rootfs.path, 'more')), 'more')
    })

    it('is released once, however often release is called', async () => {
      const held = await store.graph.get('top')
      const rootfs = await store.graph.use('top')
      await Promise.all([rootfs.release(), rootfs.release()])
      await rootfs.release()
      assert.equal(rootfs.fd, -1)
      assert.deepEqual(await names(held), ['base', 'top'])
      assert.equal((await store.graph.list()).find(({ id }) => id === 'top')!.held, true)
      await store.graph.put('top')
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('gives its own reference back, not the newest', async () => {
      const writer = await store.graph.use('top')
      const reader = await store.graph.use('top', { readOnly: true })
      await writer.release()
      assert.deepEqual(await names(reader.path), ['base', 'top'])
      await rejects(writeFile(join(reader.path, 'more'), ''), 'EROFS')
      await reader.release()
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('carries a view with { readOnly }', async () => {
      await using rootfs = await store.graph.use('top', { readOnly: true })
      await rejects(writeFile(`/proc/self/fd/${String(rootfs.fd)}/more`, ''), 'EROFS')
    })

    it('leaves nothing when it fails', async () => {
      await rejects(store.graph.use('nobody'), 'ERR_LAYER_NOT_FOUND')
    })

    it('ends with its driver', async () => {
      const graph = await store.open()
      const rootfs = await graph.use('top')
      await graph.close()
      assert.deepEqual(await mountPoints(store.root), [])
      await rootfs.release()
    })

    if (!union) return

    it('can be released again when somebody was in it', async () => {
      const rootfs = await store.graph.use('top')
      const sitter = await sit(rootfs.path)
      try {
        await rejects(rootfs.release(), 'ERR_LAYER_BUSY')
      } finally {
        await sitter.end()
      }
      await rootfs.release()
      assert.deepEqual(await mountPoints(store.root), [])
    })
  })
}
