import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mount } from 'graphdriver/mount'
import type { Mount } from 'graphdriver'
import { umount2Sync } from 'graphdriver/sys'
import { isFake } from '../../fake-aufs/install.ts'
import { mountPoints, names, rejects, snapshot, stack, traitsOf, useStore, within } from '../support.ts'

export function inspection(driver: string): void {
  const { union } = traitsOf(driver)
  const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

  describe('list', () => {
    const store = useStore(driver)

    it('is empty at first', async () => {
      assert.deepEqual(await store.graph.list(), [])
    })

    it('has every layer, sorted by bytes, with its parent and children', async () => {
      await stack(store.graph, ['b', 'a', 'C'])
      await store.graph.create('d', { parent: 'b' })
      const idle = { mounted: false, held: false, inUse: false }
      assert.deepEqual(await store.graph.list(), [
        { id: 'C', parent: 'a', children: [], ...idle },
        { id: 'a', parent: 'b', children: ['C'], ...idle },
        { id: 'b', children: ['a', 'd'], ...idle },
        { id: 'd', parent: 'b', children: [], ...idle },
      ])
    })

    it('says what is held here, mounted, and in use by anybody', async () => {
      await stack(store.graph, ['base', 'top'])
      const second = await store.open()
      await store.graph.get('top')
      const flags = async (graph: typeof second): Promise<boolean[]> => {
        const { mounted, held, inUse } = (await graph.list()).find(({ id }) => id === 'top')!
        return [mounted, held, inUse]
      }
      assert.deepEqual(await flags(store.graph), [union, true, true])
      assert.deepEqual(await flags(second), [union, false, true])
      await store.graph.put('top')
      assert.deepEqual(await flags(second), [false, false, false])
    })

    it('marks layers that cannot be read, and contents that are no layer', async () => {
      await store.graph.create('good')
      await writeFile(store.at('layers', 'bad'), 'not a layer id!\n')
      await mkdir(store.at('diff', 'bad'))
      await mkdir(store.at('diff', 'orphan'))
      const faults = (await store.graph.list()).map(({ id, fault }) => [id, fault])
      assert.deepEqual(faults, [
        ['bad', 'corrupt'],
        ['good', undefined],
        ['orphan', 'orphan'],
      ])
    })
  })

  describe('info and status', () => {
    const store = useStore(driver)

    it('count layers, mounts and references, and name what belongs to no layer', async () => {
      await stack(store.graph, ['base', 'middle', 'top'])
      await store.graph.get('top')
      await mkdir(store.at('diff', 'orphan'))
      const info = await store.graph.info()
      assert.equal(info.driver, driver)
      assert.equal(info.root, store.root)
      assert.deepEqual([info.layers, info.mounted, info.held], [3, union ? 1 : 0, 1])
      assert.deepEqual(info.orphans, ['orphan'])
      assert.notEqual(info.backingFilesystem, '')
      const rows = new Map(await store.graph.status())
      assert.equal(rows.get('Root Dir'), store.root)
      assert.equal(rows.get('Layers'), '3')
      assert.equal(rows.get('Orphans'), 'orphan')
      assert.equal(rows.get('Backing Filesystem'), info.backingFilesystem)
      for (const [label, value] of Object.entries(info.features)) assert.equal(rows.get(label), value)
      await store.graph.put('top')
    })
  })

  describe('layout', () => {
    const store = useStore(driver)

    it('says where the directories of a layer are', async () => {
      await stack(store.graph, ['base', 'middle', 'top'])
      const top = await store.graph.layout('top')
      assert.equal(top.target, store.at(union ? 'mnt' : 'diff', 'top'))
      assert.equal(top.diff, store.at('diff', 'top'))
      assert.deepEqual(top.lowers, [store.at('diff', 'middle'), store.at('diff', 'base')])
      const base = await store.graph.layout('base')
      assert.deepEqual([base.target, base.lowers], [store.at('diff', 'base'), []])
    })

    it('says where get shows the layer', async () => {
      await stack(store.graph, ['base', 'middle', 'top'])
      for (const id of ['base', 'middle', 'top']) {
        const { target } = await store.graph.layout(id)
        await within(store.graph, id, async (path) => {
          assert.equal(path, target)
        })
      }
    })

    it('refuses a layer that is not there', async () => {
      await rejects(store.graph.layout('nobody'), 'ERR_LAYER_NOT_FOUND')
    })
  })

  describe('mounts', () => {
    const store = useStore(driver)

    async function seen(id: string): Promise<Record<string, string>> {
      return within(store.graph, id, (path) => snapshot(path, { loose: true }))
    }

    /** mount(8) of util-linux, in a mount namespace of its own; answers the names that are seen there. */
    async function byProgram({ type, source, options }: Mount, target: string): Promise<string[]> {
      // mount(8) knows nothing of a kernel that is only a double.
      if (isFake()) return byLibrary({ type, source, options }, target)
      const words = options.join(',')
      const script = 'mount -t "$1" -o "$2" "$3" "$4" && ls "$4"'
      const done = spawnSync(
        'unshare',
        ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', type, words, source, target],
        { encoding: 'utf8' },
      )
      assert.equal(done.status, 0, `${words}\n${done.stderr}`)
      return done.stdout.trimEnd().split('\n').sort()
    }

    async function byLibrary({ type, source, options }: Mount, target: string): Promise<string[]> {
      await mount({ target, type: type === 'bind' ? undefined : type, source, options } as never)
      try {
        return await names(target)
      } finally {
        umount2Sync(target)
      }
    }

    it('takes no reference and performs nothing', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      const mounts = await store.graph.mounts('top')
      assert.deepEqual(JSON.parse(JSON.stringify(mounts)), mounts)
      assert.deepEqual(await mountPoints(store.root), [])
      assert.equal((await store.graph.list()).find(({ id }) => id === 'top')!.inUse, false)
    })

    for (const id of ['base', 'middle', 'top']) {
      it(`of ${id}, performed, show what get shows`, async () => {
        await stack(store.graph, ['base', 'middle', 'top'], fill)
        const wanted = await seen(id)
        const target = store.at('elsewhere')
        await mkdir(target)
        const mounts = await store.graph.mounts(id)
        for (const { type, source, options } of mounts) {
          await mount({ target, type: type === 'bind' ? undefined : type, source, options } as never)
        }
        try {
          assert.deepEqual(await snapshot(target, { loose: true }), wanted)
        } finally {
          mounts.forEach(() => {
            umount2Sync(target)
          })
        }
        assert.deepEqual(await byProgram(mounts[0]!, target), await within(store.graph, id, names))
      })
    }

    it('of a view cannot be written through', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      for (const id of ['base', 'top']) {
        const [first] = await store.graph.mounts(id, { readOnly: true })
        assert.ok(first!.options.includes('ro'), first!.options.join())
      }
    })

    it('of a frozen layer cannot be written through', async () => {
      await stack(store.graph, ['base', 'middle', 'top'], fill)
      for (const id of ['base', 'middle']) {
        const [first] = await store.graph.mounts(id)
        assert.ok(first!.options.includes('ro'), `${id}: ${first!.options.join()}`)
      }
    })

    it('of a layer that was never used show what its parent has', async () => {
      await stack(store.graph, ['base', 'middle'], fill)
      await store.graph.create('fresh', { parent: 'middle' })
      const target = store.at('elsewhere')
      await mkdir(target)
      const [first] = await store.graph.mounts('fresh')
      assert.deepEqual(await byProgram(first!, target), ['base', 'middle'])
    })

    it('refuses a layer that is not there, and a wrong label', async () => {
      await rejects(store.graph.mounts('nobody'), 'ERR_LAYER_NOT_FOUND')
      await store.graph.create('base')
      await rejects(store.graph.mounts('base', { mountLabel: '"' }), 'ERR_INVALID_ARG_VALUE')
    })
  })
}
