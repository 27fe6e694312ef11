import assert from 'node:assert/strict'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mknodatSync, AT_FDCWD } from 'graphdriver/sys'
import { mountPoints, names, rejects, snapshot, stack, text, traitsOf, useStore, within } from '../support.ts'

const S_IFIFO = 0o010000

/** Ways for a layer's metadata to be wrong. The layer is `top`, above `middle`, above `base`. */
const faults: [title: string, damage: (path: string) => void | Promise<void>][] = [
  ['was cut in a line', (path) => writeFile(path, 'middle\nba')],
  ['was cut in its only line', (path) => writeFile(path, 'midd')],
  ['was cut between two lines', (path) => writeFile(path, 'middle\n')],
  ['was cut to nothing', (path) => writeFile(path, '')],
  ['names itself', (path) => writeFile(path, 'middle\ntop\nbase\n')],
  ['names one layer twice', (path) => writeFile(path, 'middle\nbase\nmiddle\n')],
  ['names a parent that does not exist', (path) => writeFile(path, 'nobody\nbase\n')],
  ['has its ancestors in the wrong order', (path) => writeFile(path, 'base\nmiddle\n')],
  ['is binary', (path) => writeFile(path, Buffer.from([0, 1, 2, 255, 10]))],
  ['holds a path', (path) => writeFile(path, '../../etc\n')],
  ['holds a megabyte', (path) => writeFile(path, 'middle\nbase\n'.repeat(90_000))],
  ['is a directory', (path) => mkdir(path)],
  ['is a link', (path) => symlink('middle', path)],
  [
    'is a fifo',
    (path) => {
      mknodatSync(AT_FDCWD, path, S_IFIFO | 0o600)
    },
  ],
]

export function brokenMetadata(driver: string): void {
  describe('metadata that', () => {
    const store = useStore(driver)
    const fill = (path: string, id: string): Promise<void> => writeFile(join(path, id), id)

    for (const [title, damage] of faults) {
      it(`${title} is refused, and what was there stays`, async () => {
        await stack(store.graph, ['base', 'middle', 'top', 'last'], fill)
        await rm(store.at('layers', 'top'))
        await damage(store.at('layers', 'top'))
        const before = await snapshot(store.root)
        const { graph } = store
        for (const id of ['top', 'last']) {
          await rejects(graph.get(id), 'ERR_LAYER_CORRUPT')
          await rejects(graph.get(id, { readOnly: true }), 'ERR_LAYER_CORRUPT')
          await rejects(graph.mounts(id), 'ERR_LAYER_CORRUPT')
          await rejects(graph.layout(id), 'ERR_LAYER_CORRUPT')
          await rejects(graph.create('new', { parent: id }), 'ERR_LAYER_CORRUPT')
        }
        await rejects(graph.remove('top'), 'ERR_LAYER_HAS_CHILDREN')
        assert.equal((await graph.list()).length, 4)
        assert.deepEqual(await snapshot(store.root), before)
        assert.deepEqual(await mountPoints(store.root), [])
        await within(graph, 'middle', async (path) => {
          assert.deepEqual(await names(path), ['base', 'middle'])
        })
      })

      it(`${title} does not keep the layer from being removed, nor the root from being opened`, async () => {
        await stack(store.graph, ['base', 'middle', 'top'], fill)
        await rm(store.at('layers', 'top'), { recursive: true })
        await damage(store.at('layers', 'top'))
        const second = await store.open()
        await second.remove('top')
        for (const directory of ['layers', 'diff', 'mnt']) {
          assert.deepEqual(await names(store.at(directory)), ['base', 'middle'])
        }
        await (await store.open()).close()
        assert.equal(await text(store.at('diff', 'middle', 'middle')), 'middle')
        await second.create('top', { parent: 'middle' })
        await second.remove('top')
        await second.remove('middle')
      })
    }

    it('was cut in an id, so that another layer is named, is refused', async () => {
      await store.graph.create('base')
      await stack(store.graph, ['base2', 'top'], fill)
      await writeFile(store.at('layers', 'top'), 'base')
      await rejects(store.graph.get('top'), 'ERR_LAYER_CORRUPT')
    })

    it('names its child as its parent is refused', async () => {
      await stack(store.graph, ['base', 'middle', 'top'], fill)
      await writeFile(store.at('layers', 'base'), 'top\nmiddle\n')
      for (const id of ['base', 'middle']) await rejects(store.graph.get(id), 'ERR_LAYER_CORRUPT')
    })

    it('Docker wrote with blank lines is read', async () => {
      await stack(store.graph, ['base', 'middle', 'top'], fill)
      await writeFile(store.at('layers', 'top'), 'middle\n\nbase\n\n')
      await within(store.graph, 'top', async (path) => {
        assert.deepEqual(await names(path), ['base', 'middle', 'top'])
      })
    })

    it('is missing is that of no layer', async () => {
      await stack(store.graph, ['base', 'middle', 'top'], fill)
      await rm(store.at('layers', 'middle'))
      await rejects(store.graph.get('middle'), 'ERR_LAYER_NOT_FOUND')
      await rejects(store.graph.get('top'), 'ERR_LAYER_CORRUPT', /middle/)
    })

    it('tells of contents that are missing is shown, refused, and can be removed', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      await rm(store.at('diff', 'top'), { recursive: true })
      const faults = (await store.graph.list()).map(({ id, fault }) => [id, fault])
      assert.deepEqual(faults, [
        ['base', undefined],
        ['top', 'corrupt'],
      ])
      await rejects(store.graph.get('top'), 'ERR_LAYER_CORRUPT')
      await store.graph.remove('top')
      assert.deepEqual(await names(store.at('layers')), ['base'])
    })

    for (const known of [false, true]) {
      const when = known ? ', though it was there when the store was opened' : ''
      it(`tells of contents below that are missing${when}: who needs them is told which, and nothing is changed`, async () => {
        const ids = ['base', 'middle', 'last']
        await stack(store.graph, ids.slice(0, 2), fill)
        await store.graph.create('last', { parent: 'middle' })
        // Looked at once, and then taken for good.
        if (known) await store.graph.layout('last')
        const graph = known ? store.graph : await store.open()
        // A full copy needs no more than its parent.
        const missing = traitsOf(driver).union ? ids.slice(0, 2) : ['middle']
        // Before it misses a layer below, an older overlay (Linux 6.1) makes what it wants in its own work directory.
        const contents = async (): Promise<[string, string][]> =>
          Object.entries(await snapshot(store.root, { loose: true })).filter(
            ([path]) => !/^work\/[^/]+\/work$/.test(path),
          )
        for (const gone of missing) {
          await rename(store.at('diff', gone), `${store.root}-aside`)
          const before = await contents()
          const other = gone === 'base' ? 'middle' : 'base'
          const calls = [
            () => graph.get('last'),
            () => graph.get('last', { readOnly: true }),
            () => graph.use('last'),
            () => graph.changes('last'),
            () => graph.changes('last', { parent: other }),
            () => graph.flatten('last', 'flat'),
          ]
          for (const call of calls) {
            const error = await rejects(call(), 'ERR_LAYER_CORRUPT', /missing/)
            assert.deepEqual([error.id, error.path], [gone, store.at('diff', gone)], error.message)
          }
          assert.deepEqual(await contents(), before)
          await rename(`${store.root}-aside`, store.at('diff', gone))
        }
        await within(graph, 'last', async (path) => {
          assert.deepEqual(await names(path), ['base', 'middle'])
        })
      })
    }

    it('tells of contents below that are missing keeps no layer from being removed', async () => {
      await stack(store.graph, ['base', 'middle'], fill)
      await store.graph.create('last', { parent: 'middle' })
      await rm(store.at('diff', 'base'), { recursive: true })
      for (const id of ['last', 'middle', 'base']) await store.graph.remove(id)
      assert.deepEqual(await names(store.at('layers')), [])
    })

    it('of the index of children may be wrong: it is made anew, or not believed', async () => {
      await stack(store.graph, ['base', 'top'], fill)
      await mkdir(store.at('children', 'top'))
      await writeFile(store.at('children', 'top', 'base'), '')
      await writeFile(store.at('children', 'top', 'nobody'), '')
      await rm(store.at('children', 'base'), { recursive: true })
      await rm(store.at('children'), { recursive: true })
      const second = await store.open()
      await rejects(second.remove('base'), 'ERR_LAYER_HAS_CHILDREN')
      await mkdir(store.at('children', 'top'))
      await writeFile(store.at('children', 'top', 'nobody'), '')
      await second.remove('top')
      await second.remove('base')
    })
  })
}
