import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMountPoint } from 'graphdriver/mount'
import { MS_BIND, mountSync, umount2Sync } from 'graphdriver/sys'
import { mountPoints, names, rejects, snapshot, stack, text, traitsOf, useStore } from '../support.ts'
import { sit } from './put.ts'

export function remove(driver: string): void {
  const { union } = traitsOf(driver)

  describe('remove', () => {
    const store = useStore(driver)
    const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

    /** Every path in the root that has this name in it. */
    async function traces(id: string): Promise<string[]> {
      const all = await readdir(store.root, { recursive: true })
      return all.filter((path) => path.includes(id)).sort()
    }

    it('leaves nothing of the layer in any directory', async () => {
      await stack(store.graph, ['base', 'doomed'], fill)
      await store.graph.create('again', { parent: 'base' })
      assert.notDeepEqual(await traces('doomed'), [])
      await store.graph.remove('doomed')
      assert.deepEqual(await traces('doomed'), [])
      assert.equal(await store.graph.exists('doomed'), false)
      assert.deepEqual(await names(store.at('children', 'base')), ['again'])
    })

    it('gives the id free', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      await store.graph.remove('top')
      await store.graph.create('top')
      assert.deepEqual(await names(await store.graph.get('top')), [])
      await store.graph.put('top')
    })

    it('takes a stack apart from above, and nothing is left', async () => {
      const ids = ['one', 'two', 'three', 'four']
      await stack(store.graph, ids, fill)
      for (const id of [...ids].reverse()) await store.graph.remove(id)
      for (const directory of ['layers', 'diff', 'mnt', 'children', 'staging', 'views']) {
        assert.deepEqual(await names(store.at(directory)), [], directory)
      }
    })

    it('refuses a layer that is not there', async () => {
      await rejects(store.graph.remove('nobody'), 'ERR_LAYER_NOT_FOUND')
    })

    it('refuses a layer with children, and names them', async () => {
      await stack(store.graph, ['base', 'middle', 'top'], fill)
      const before = await snapshot(store.root)
      await rejects(store.graph.remove('base'), 'ERR_LAYER_HAS_CHILDREN', /middle/)
      await rejects(store.graph.remove('middle'), 'ERR_LAYER_HAS_CHILDREN', /top/)
      assert.deepEqual(await snapshot(store.root), before)
    })

    it('refuses a layer that is held: here, by another instance, by another process', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const [second, other] = [await store.open(), await store.elsewhere()]
      for (const holder of [store.graph, second, other]) {
        const path = await holder.get('top')
        await rejects(store.graph.remove('top'), 'ERR_LAYER_IN_USE')
        assert.deepEqual(await names(path), ['base', 'top'])
        await holder.put('top')
      }
      await store.graph.remove('top')
    })

    it('removes a layer that a dead process held', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const other = await store.elsewhere()
      const path = await other.get('top')
      await other.end()
      assert.equal(await isMountPoint(path), union)
      await store.graph.remove('top')
      assert.deepEqual(await mountPoints(store.root), [])
      assert.deepEqual(await traces('top'), [])
    })

    it("refuses a layer whose mount point holds files of somebody's, and keeps both", async () => {
      await stack(store.graph, ['base', 'top'], fill)
      await writeFile(store.at('mnt', 'top', 'stray'), 'kept')
      await rejects(store.graph.remove('top'), 'ERR_LAYER_NOT_EMPTY', /stray/)
      assert.equal(await text(store.at('mnt', 'top', 'stray')), 'kept')
      assert.equal(await store.graph.exists('top'), true)
      await rm(store.at('mnt', 'top', 'stray'))
      await store.graph.remove('top')
    })

    it('never deletes across a mount that is inside the layer', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      await mkdir(store.at('precious'))
      await writeFile(store.at('precious', 'file'), 'kept')
      await mkdir(store.at('diff', 'top', 'bind'))
      mountSync(store.at('precious'), store.at('diff', 'top', 'bind'), null, MS_BIND)
      const error = await rejects(store.graph.remove('top'), 'ERR_LAYER_BUSY')
      assert.ok(error.message.includes(store.at('diff', 'top', 'bind')), error.message)
      assert.equal(await text(store.at('precious', 'file')), 'kept')
      assert.equal(await store.graph.exists('top'), true)
      assert.equal(await text(store.at('diff', 'top', 'top')), 'top')
      umount2Sync(store.at('diff', 'top', 'bind'))
      await store.graph.remove('top')
      assert.equal(await text(store.at('precious', 'file')), 'kept')
    })

    it('lets a root be opened where a mount keeps something from being deleted', async () => {
      await mkdir(store.at('diff', 'old-removing', 'bind'), { recursive: true })
      mountSync('none', store.at('diff', 'old-removing', 'bind'), 'tmpfs')
      await writeFile(store.at('diff', 'old-removing', 'bind', 'file'), 'kept')
      await (await store.open()).close()
      assert.equal(await text(store.at('diff', 'old-removing', 'bind', 'file')), 'kept')
      umount2Sync(store.at('diff', 'old-removing', 'bind'))
      await (await store.open()).close()
      assert.deepEqual(await names(store.at('diff')), [])
    })

    it('never follows a link out of the layer', async () => {
      await mkdir(store.at('precious'))
      await writeFile(store.at('precious', 'file'), 'kept')
      await stack(store.graph, ['base'], (path) => symlink(store.at('precious'), join(path, 'link')))
      await store.graph.remove('base')
      assert.equal(await text(store.at('precious', 'file')), 'kept')
    })

    it('deletes what nobody may read or write', async () => {
      await stack(store.graph, ['base', 'top'], async (path, id) => {
        await mkdir(join(path, id, 'closed', 'deep'), { recursive: true })
        await writeFile(join(path, id, 'closed', 'deep', 'file'), '', { mode: 0 })
        await chmod(join(path, id, 'closed', 'deep'), 0)
        await chmod(join(path, id, 'closed'), 0)
      })
      await store.graph.remove('top')
      assert.deepEqual(await traces('top'), [])
    })

    it('completes what a process that died had begun', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      await rename(store.at('layers', 'top'), store.at('layers', '.gone-top'))
      await rejects(store.graph.remove('top'), 'ERR_LAYER_NOT_FOUND')
      assert.deepEqual(await traces('top'), [])
    })

    if (!union) return

    it('unmounts a mount that nobody holds, unless somebody works in it', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const other = await store.elsewhere()
      const sitter = await sit(await other.get('top'))
      await other.end()
      try {
        await rejects(store.graph.remove('top'), 'ERR_LAYER_BUSY', /\(sleep\)/)
        assert.equal(await store.graph.exists('top'), true)
      } finally {
        await sitter.end()
      }
      await store.graph.remove('top')
      assert.deepEqual(await mountPoints(store.root), [])
    })
  })
}
