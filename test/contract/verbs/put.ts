import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rmdir, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isMountPoint } from 'graphdriver/mount'
import { MNT_DETACH, mountSync, umount2Sync } from 'graphdriver/sys'
import { mountPoints, names, rejects, stack, traitsOf, useStore } from '../support.ts'

/** Runs a program whose working directory this is; answers its process id and what ends it. */
export async function sit(cwd: string): Promise<{ pid: number; end: () => Promise<void> }> {
  const child = spawn('sleep', ['1000'], { cwd, stdio: 'ignore' })
  await once(child, 'spawn')
  const gone = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
  }
  return { pid: child.pid!, end }
}

export function put(driver: string): void {
  const { union } = traitsOf(driver)

  describe('put', () => {
    const store = useStore(driver)
    const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

    it('of what is not held and not mounted has no effect', async () => {
      await stack(store.graph, ['base', 'top'])
      for (const id of ['base', 'top', 'nobody']) await store.graph.put(id)
      assert.equal(await store.graph.exists('top'), true)
      assert.deepEqual(await names(store.at('layers')), ['base', 'top'])
    })

    it('of a layer that was never gotten does not change where get shows it', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const fresh = await store.open()
      for (const id of ['base', 'top']) await fresh.put(id)
      assert.equal(await fresh.get('base'), store.at('diff', 'base'))
      assert.deepEqual(await names(await fresh.get('base')), ['base'])
      assert.deepEqual(await names(await fresh.get('top')), ['base', 'top'])
      for (const id of ['base', 'base', 'top']) await fresh.put(id)
    })

    it('more often than get has no effect', async () => {
      await stack(store.graph, ['base', 'top'])
      await store.graph.get('top')
      for (let more = 0; more < 3; more++) await store.graph.put('top')
      const path = await store.graph.get('top')
      assert.equal(await isMountPoint(path), union)
      await store.graph.put('top')
    })

    if (!union) return

    it('of what another instance holds is refused', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const second = await store.open()
      const path = await second.get('top')
      await rejects(store.graph.put('top'), 'ERR_LAYER_IN_USE')
      const other = await store.elsewhere()
      await rejects(other.put('top'), 'ERR_LAYER_IN_USE')
      assert.deepEqual(await names(path), ['base', 'top'])
      await second.put('top')
    })

    it('unmounts what nobody holds', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const other = await store.elsewhere()
      const path = await other.get('top')
      await other.end()
      assert.equal(await isMountPoint(path), true)
      await store.graph.put('top')
      assert.equal(await isMountPoint(path), false)
    })

    it('of a mount in which somebody works names him, and can be repeated', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const path = await store.graph.get('top')
      const sitter = await sit(path)
      try {
        const error = await rejects(store.graph.put('top'), 'ERR_LAYER_BUSY')
        assert.match(error.message, new RegExp(`\\b${String(sitter.pid)} \\(sleep\\)`))
        assert.equal((error.cause as NodeJS.ErrnoException).code, 'EBUSY')
        assert.deepEqual(await names(path), ['base', 'top'])
        assert.equal((await store.graph.list()).find(({ id }) => id === 'top')!.held, true)
      } finally {
        await sitter.end()
      }
      await store.graph.put('top')
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('names the mounts below, which { recursive } takes down first', async () => {
      await stack(store.graph, ['base', 'top'])
      const path = await store.graph.get('top')
      for (const name of ['proc', 'proc/sub']) {
        await mkdir(join(path, name))
        mountSync('none', join(path, name), 'tmpfs')
      }
      const error = await rejects(store.graph.put('top'), 'ERR_LAYER_BUSY', /recursive/)
      assert.ok(error.message.includes(join(path, 'proc/sub')), error.message)
      assert.equal((await mountPoints(store.root)).length, 3)
      await store.graph.put('top', { recursive: true })
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('with { detach } takes the mount out of sight though somebody works in it', async () => {
      await stack(store.graph, ['base', 'top'])
      const path = await store.graph.get('top')
      await mkdir(join(path, 'below'))
      mountSync('none', join(path, 'below'), 'tmpfs')
      const sitter = await sit(path)
      try {
        await store.graph.put('top', { detach: true })
        assert.deepEqual(await mountPoints(store.root), [])
        assert.equal((await store.graph.list()).find(({ id }) => id === 'top')!.held, false)
        assert.deepEqual(await names(path), [])
      } finally {
        await sitter.end()
      }
    })

    it('takes no link for the mount point: what is mounted behind it stays', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      await mkdir(store.at('precious'))
      mountSync('none', store.at('precious'), 'tmpfs')
      await rmdir(store.at('mnt', 'top'))
      await symlink(store.at('precious'), store.at('mnt', 'top'))
      await rejects(store.graph.get('top'), 'ENOTDIR', /no link/)
      await store.graph.put('top')
      assert.deepEqual((await store.graph.cleanup()).unmounted, [])
      assert.deepEqual(await mountPoints(store.root), [store.at('precious')])
      await unlink(store.at('mnt', 'top'))
      umount2Sync(store.at('precious'))
    })

    it('is content when somebody unmounted behind its back', async () => {
      await stack(store.graph, ['base', 'top'])
      umount2Sync(await store.graph.get('top'), MNT_DETACH)
      await store.graph.put('top')
      assert.equal((await store.graph.list()).find(({ id }) => id === 'top')!.inUse, false)
    })
  })
}
