import assert from 'node:assert/strict'
import { mkdir, rm, rmdir, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMountPoint } from 'graphdriver/mount'
import { mountSync, umount2Sync } from 'graphdriver/sys'
import { mountPoints, names, rejects, snapshot, stack, text, traitsOf, useStore, within } from '../support.ts'

export function get(driver: string): void {
  const { union } = traitsOf(driver)

  describe('get', () => {
    const store = useStore(driver)
    const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

    it('answers the bare directory of a base layer, and mounts nothing', async () => {
      await store.graph.create('base')
      assert.equal(await store.graph.get('base'), store.at('diff', 'base'))
      assert.deepEqual(await mountPoints(store.root), [])
      await store.graph.put('base')
    })

    it(`answers ${union ? 'mnt/<id>, mounted' : 'diff/<id>'}`, async () => {
      await stack(store.graph, ['base', 'top'])
      const path = await store.graph.get('top')
      assert.equal(path, store.at(union ? 'mnt' : 'diff', 'top'))
      assert.equal(await isMountPoint(path), union)
      assert.deepEqual(await mountPoints(store.root), union ? [path] : [])
      await store.graph.put('top')
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('counts references: the last one of an instance unmounts', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const path = await store.graph.get('top')
      for (let more = 0; more < 2; more++) assert.equal(await store.graph.get('top'), path)
      for (let left = 3; left > 0; left--) {
        assert.deepEqual(await names(path), ['base', 'top'])
        await store.graph.put('top')
      }
      assert.deepEqual(await mountPoints(store.root), [])
      assert.equal((await store.graph.list()).find(({ id }) => id === 'top')!.held, false)
    })

    it('shares one mount between instances and processes: the last one of anybody unmounts', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const [second, other] = [await store.open(), await store.elsewhere()]
      const path = await store.graph.get('top')
      assert.equal(await second.get('top'), path)
      assert.equal(await other.get('top'), path)
      assert.equal((await mountPoints(store.root)).length, union ? 1 : 0)
      await writeFile(join(path, 'note'), 'for the others')
      await store.graph.put('top')
      await second.put('top')
      assert.equal(await other.read(join(path, 'note')), 'for the others')
      await other.put('top')
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('refuses a layer that is not there', async () => {
      await rejects(store.graph.get('nobody'), 'ERR_LAYER_NOT_FOUND')
      assert.deepEqual(await names(store.at('mnt')), [])
    })

    it('that failed leaves no reference, no lock and no mount', async () => {
      await stack(store.graph, ['base', 'middle'], fill)
      await store.graph.create('top', { parent: 'middle' })
      await store.graph.create('last', { parent: 'top' })
      await rm(store.at('diff', 'top'), { recursive: true })
      const code = await store.graph.get('top').then(
        () => 'none',
        (error: unknown) => (error as NodeJS.ErrnoException).code,
      )
      assert.match(code ?? '', /ERR_LAYER_CORRUPT|ENOENT/)
      assert.deepEqual(await mountPoints(store.root), [])
      assert.equal((await store.graph.list()).find(({ id }) => id === 'top')!.inUse, false)
      await mkdir(store.at('diff', 'top'))
      // Not the mount point of a reference that was left: the layer itself.
      await within(store.graph, 'top', async (path) => {
        assert.equal(await isMountPoint(path), union)
        assert.deepEqual(await names(path), ['base', 'middle'])
      })
      await store.graph.remove('last')
      await store.graph.remove('top')
    })

    it('makes a missing mount point anew', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      await rmdir(store.at('mnt', 'top'))
      await within(store.graph, 'top', async (path) => {
        assert.deepEqual(await names(path), ['base', 'top'])
      })
    })

    if (!union) return

    it('mounts a frozen layer read-only', async () => {
      await stack(store.graph, ['base', 'middle', 'top'], fill)
      const before = await snapshot(store.at('diff', 'middle'))
      await within(store.graph, 'middle', async (path) => {
        assert.deepEqual(await names(path), ['base', 'middle'])
        await rejects(writeFile(join(path, 'more'), ''), 'EROFS')
        await rejects(unlink(join(path, 'base')), 'EROFS')
      })
      assert.deepEqual(await snapshot(store.at('diff', 'middle')), before)
    })

    it('lets a layer be written again when its last child is gone', async () => {
      await stack(store.graph, ['base', 'middle', 'top'])
      await store.graph.remove('top')
      await within(store.graph, 'middle', (path) => writeFile(join(path, 'more'), ''))
      assert.deepEqual(await names(store.at('diff', 'middle')), ['more'])
    })

    it('takes a right mount over that a dead process left', async () => {
      await stack(store.graph, ['base', 'top'])
      const other = await store.elsewhere()
      const path = await other.get('top')
      await other.end()
      const { ino } = await stat(path)
      assert.equal(await isMountPoint(path), true)
      assert.equal(await store.graph.get('top'), path)
      assert.equal((await stat(path)).ino, ino)
      assert.equal((await mountPoints(store.root)).length, 1)
      await store.graph.put('top')
    })

    it('replaces a wrong mount that nobody holds', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      mountSync('none', store.at('mnt', 'top'), 'tmpfs')
      await within(store.graph, 'top', async (path) => {
        assert.deepEqual(await names(path), ['base', 'top'])
      })
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('refuses a wrong mount that somebody holds', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const second = await store.open()
      const path = await second.get('top')
      umount2Sync(path)
      mountSync('none', path, 'tmpfs')
      await rejects(store.graph.get('top'), 'ERR_MOUNT_MISMATCH', /tmpfs/)
      umount2Sync(path)
    })

    it('mounts anew what somebody unmounted behind its back', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      umount2Sync(await store.graph.get('top'))
      assert.deepEqual(await names(await store.graph.get('top')), ['base', 'top'])
      await store.graph.put('top')
      await store.graph.put('top')
    })

    it('refuses another label than the one that it is held with', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      await store.graph.get('top')
      const mountLabel = 'system_u:object_r:container_file_t:s0'
      await rejects(store.graph.get('top', { mountLabel }), 'ERR_MOUNT_MISMATCH', /label/)
      const second = await store.open()
      await rejects(second.get('top', { mountLabel }), 'ERR_MOUNT_MISMATCH', /label/)
      await store.graph.put('top')
    })

    it('refuses to be writable where it is held read-only, and the other way round', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      await store.graph.get('top', { readOnly: true })
      await store.graph.create('child', { parent: 'top' })
      const second = await store.open()
      await rejects(store.graph.get('top'), 'ERR_MOUNT_MISMATCH')
      await rejects(second.get('top'), 'ERR_MOUNT_MISMATCH')
      assert.deepEqual(await names(await second.get('top', { readOnly: true })), ['base', 'top'])
      await second.put('top')
      await store.graph.put('top')
      await within(store.graph, 'top', (path) => rejects(writeFile(join(path, 'more'), ''), 'EROFS'))
    })
  })

  describe('get refuses', () => {
    const store = useStore(driver)

    const labels: [title: string, label: unknown, code: string][] = [
      ['a label with a quotation mark', 'a"b', 'ERR_INVALID_ARG_VALUE'],
      ['an empty label', '', 'ERR_INVALID_ARG_VALUE'],
      ['a label with a null byte', 'a\0b', 'ERR_INVALID_ARG_VALUE'],
      ['a label that is no string', 7, 'ERR_INVALID_ARG_TYPE'],
    ]
    for (const [title, mountLabel, code] of labels) {
      it(title, async () => {
        await stack(store.graph, ['base', 'top'])
        await rejects(store.graph.get('top', { mountLabel: mountLabel as string }), code)
        assert.deepEqual(await mountPoints(store.root), [])
      })
    }

    it('a readOnly that is no boolean', async () => {
      await store.graph.create('base')
      await rejects(store.graph.get('base', { readOnly: 'no' as unknown as boolean }), 'ERR_INVALID_ARG_TYPE')
    })
  })

  describe('files in a layer', () => {
    const store = useStore(driver)

    it('stay when a layer is gotten again', async () => {
      await stack(store.graph, ['base', 'top'])
      await within(store.graph, 'top', (path) => writeFile(join(path, 'file'), 'once'))
      await within(store.graph, 'top', (path) => writeFile(join(path, 'more'), 'twice'))
      await within(store.graph, 'top', async (path) => {
        assert.equal(await text(join(path, 'file')), 'once')
        assert.equal(await text(join(path, 'more')), 'twice')
      })
    })
  })
}
