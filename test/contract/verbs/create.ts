import assert from 'node:assert/strict'
import { chmod, chown, mkdir, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getxattr, listxattr, setxattr } from 'graphdriver/sys'
import { names, privileged, rejects, snapshot, stack, text, useStore, within } from '../support.ts'

export function create(driver: string): void {
  describe('exists', () => {
    const store = useStore(driver)

    it('says whether there is a layer of this id', async () => {
      assert.equal(await store.graph.exists('one'), false)
      await store.graph.create('one')
      assert.equal(await store.graph.exists('one'), true)
      assert.equal(await store.graph.exists('on'), false)
      await store.graph.remove('one')
      assert.equal(await store.graph.exists('one'), false)
    })

    it('takes no unfinished layer, and no contents without metadata, for one', async () => {
      await writeFile(store.at('layers', '.new-half'), '')
      await mkdir(store.at('diff', 'half'))
      assert.equal(await store.graph.exists('half'), false)
    })
  })

  describe('create', () => {
    const store = useStore(driver)

    it("writes Docker's metadata: the ancestors, nearest first, one a line", async () => {
      await stack(store.graph, ['base', 'Middle_1.x', 'top', '0-last'])
      assert.equal(await text(store.at('layers', 'base')), '')
      assert.equal(await text(store.at('layers', 'Middle_1.x')), 'base\n')
      assert.equal(await text(store.at('layers', 'top')), 'Middle_1.x\nbase\n')
      assert.equal(await text(store.at('layers', '0-last')), 'top\nMiddle_1.x\nbase\n')
    })

    it('makes the directories of a layer, and knows it as a child', async () => {
      await store.graph.create('base')
      await store.graph.create('child', { parent: 'base' })
      for (const directory of ['diff', 'mnt']) {
        assert.deepEqual(await names(store.at(directory)), ['base', 'child'])
      }
      assert.deepEqual(await names(store.at('children', 'base')), ['child'])
      assert.deepEqual(await names(store.at('layers')), ['base', 'child'])
    })

    it('makes a base layer of mode 0755 that belongs to root, whatever the umask', async () => {
      const before = process.umask(0o077)
      try {
        await store.graph.create('base')
      } finally {
        process.umask(before)
      }
      const { mode, uid, gid } = await stat(store.at('diff', 'base'))
      assert.deepEqual([(mode & 0o7777).toString(8), uid, gid], ['755', 0, 0])
    })

    it('gives a child the owner, mode and xattrs of its parent', async () => {
      await store.graph.create('base')
      const [uid, gid] = privileged ? [1234, 5678] : [0, 0]
      await within(store.graph, 'base', async (path) => {
        await chown(path, uid, gid)
        await chmod(path, 0o1741)
        await setxattr(path, 'user.colour', Buffer.from([0, 255, 10]))
        await setxattr(path, 'user.overlay.origin', Buffer.from('bookkeeping'))
      })
      await store.graph.create('child', { parent: 'base' })
      const diff = store.at('diff', 'child')
      const stats = await stat(diff)
      assert.deepEqual([(stats.mode & 0o7777).toString(8), stats.uid, stats.gid], ['1741', uid, gid])
      assert.deepEqual(await getxattr(diff, 'user.colour'), Buffer.from([0, 255, 10]))
      assert.deepEqual(
        (await listxattr(diff)).filter((name) => name.includes('overlay')),
        [],
      )
      await within(store.graph, 'child', async (path) => {
        const seen = await stat(path)
        assert.deepEqual([(seen.mode & 0o7777).toString(8), seen.uid, seen.gid], ['1741', uid, gid])
      })
    })

    it('refuses an id that is taken, and leaves the layer as it is', async () => {
      await stack(store.graph, ['base', 'top'], (path) => writeFile(join(path, 'file'), 'kept'))
      const before = await snapshot(store.root)
      await rejects(store.graph.create('base'), 'ERR_LAYER_EXISTS')
      await rejects(store.graph.create('top', { parent: 'base' }), 'ERR_LAYER_EXISTS')
      await rejects(store.graph.create('base', { parent: 'top' }), 'ERR_LAYER_EXISTS')
      assert.deepEqual(await snapshot(store.root), before)
    })

    it('refuses an unknown parent, and leaves nothing', async () => {
      const before = await snapshot(store.root)
      const error = await rejects(store.graph.create('child', { parent: 'nobody' }), 'ERR_LAYER_NOT_FOUND')
      assert.equal(error.id, 'nobody')
      await rejects(store.graph.create('own', { parent: 'own' }), 'ERR_LAYER_NOT_FOUND')
      assert.deepEqual(await snapshot(store.root), before)
    })

    it('refuses an id whose contents are there without metadata, and keeps them', async () => {
      await mkdir(store.at('diff', 'orphan'))
      await writeFile(store.at('diff', 'orphan', 'file'), 'kept')
      await rejects(store.graph.create('orphan'), 'ERR_LAYER_EXISTS', /cleanup/)
      assert.equal(await text(store.at('diff', 'orphan', 'file')), 'kept')
    })

    it('refuses a parent whose contents are missing', async () => {
      await store.graph.create('base')
      await rmdir(store.at('diff', 'base'))
      await rejects(store.graph.create('child', { parent: 'base' }), 'ERR_LAYER_CORRUPT')
      assert.deepEqual(await names(store.at('layers')), ['base'])
    })

    it('refuses a parent that this instance holds writable', async () => {
      await stack(store.graph, ['base', 'top'])
      for (const parent of ['top', 'top']) {
        await store.graph.get(parent)
        await rejects(store.graph.create('child', { parent }), 'ERR_LAYER_IN_USE')
        await store.graph.put(parent)
      }
      assert.equal(await store.graph.exists('child'), false)
      await store.graph.create('child', { parent: 'top' })
    })

    it('refuses a parent that another instance or process holds writable', async () => {
      await stack(store.graph, ['base', 'top'])
      const second = await store.open()
      await second.get('top')
      await rejects(store.graph.create('child', { parent: 'top' }), 'ERR_LAYER_IN_USE')
      await second.put('top')
      const other = await store.elsewhere()
      await other.get('top')
      await rejects(store.graph.create('child', { parent: 'top' }), 'ERR_LAYER_IN_USE')
      await other.put('top')
      await store.graph.create('child', { parent: 'top' })
    })

    it('undoes what a process that died had begun with this id', async () => {
      await store.graph.create('base')
      await writeFile(store.at('layers', '.new-child'), 'base\n')
      await mkdir(store.at('diff', 'child'))
      await writeFile(store.at('diff', 'child', 'file'), 'stale')
      await store.graph.create('child', { parent: 'base' })
      assert.deepEqual(await names(store.at('diff', 'child')), [])
      assert.deepEqual(await names(store.at('layers')), ['base', 'child'])
    })
  })
}
