import assert from 'node:assert/strict'
import { chmod, link, lutimes, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GraphDriver } from 'graphdriver'
import { edit } from '../edits.ts'
import { rejects, traitsOf, useStore, within } from '../support.ts'

type Options = Parameters<GraphDriver['changes']>[1]

export function changed(driver: string): void {
  const { union } = traitsOf(driver)

  describe('changes and diffSize', () => {
    const store = useStore(driver)

    async function changesOf(id: string, options?: Options): Promise<string[]> {
      const letters = { added: 'A', modified: 'C', deleted: 'D' } as const
      return (await store.graph.changes(id, options)).map(({ kind, path }) => `${letters[kind]} ${path}`)
    }
    async function base(files: Record<string, string>): Promise<void> {
      await store.graph.create('base')
      await edit(store, 'base', { files })
      await store.graph.create('top', { parent: 'base' })
    }

    it('of a base layer are additions', async () => {
      await base({ a: 'a', 'd/b': 'b' })
      assert.deepEqual(await changesOf('base'), ['A /a', 'A /d', 'A /d/b'])
      assert.deepEqual(await changesOf('top'), [])
    })

    it('are what was added, modified and deleted, in the order of the tar', async () => {
      await base({ a: 'a', 'd/b': 'b', 'd/gone': 'g', 'e/f': 'f', z: 'z' })
      await edit(store, 'top', { files: { new: 'n', 'd/b': 'bb', 'e/g/h': 'h' }, gone: ['d/gone', 'z'] })
      assert.deepEqual(await changesOf('top'), [
        'D /z',
        'C /d',
        'D /d/gone',
        'C /d/b',
        'C /e',
        'A /e/g',
        'A /e/g/h',
        'A /new',
      ])
    })

    it('honour the whiteouts and the opaque directories of the layers between', async () => {
      await base({ a: 'a', 'd/old': 'o', 'd/older': 'o', 'e/x': 'x' })
      await edit(store, 'top', { files: { 'd/new': 'n' }, gone: ['a'], opaque: ['d'] })
      await store.graph.create('last', { parent: 'top' })
      await edit(store, 'last', { files: { a: 'again', 'd/old': 'again', 'e/x': 'again' } })
      // To the layer below, the files that it deleted had never been there.
      assert.deepEqual(await changesOf('last'), ['A /a', 'C /d', 'A /d/old', 'C /e/x'])
      assert.deepEqual(await changesOf('last', { parent: 'base' }), [
        'C /a',
        'C /d',
        'D /d/older',
        'A /d/new',
        'C /d/old',
        'C /e/x',
      ])
      assert.deepEqual(await changesOf('base', { parent: 'last' }), [
        'C /a',
        'C /d',
        'D /d/new',
        'C /d/old',
        'A /d/older',
        'C /e/x',
      ])
      assert.deepEqual(await changesOf('last', { parent: 'last' }), [])
    })

    it('never follow a link of a layer below', async () => {
      await store.graph.create('base')
      await within(store.graph, 'base', async (path) => {
        await symlink('/etc', join(path, 'd'))
        await symlink('nowhere', join(path, 'dangling'))
      })
      await store.graph.create('top', { parent: 'base' })
      if (!union) await within(store.graph, 'top', (path) => rm(join(path, 'dangling')))
      await edit(store, 'top', { files: { dangling: 'file' }, gone: ['d'] })
      assert.deepEqual(await changesOf('top'), ['D /d', 'C /dangling'])
    })

    it('hold a change of type', async () => {
      await base({ 'd/inside': 'i', f: 'f' })
      if (union) {
        await writeFile(store.at('diff', 'top', 'd'), 'a file now')
        await mkdir(store.at('diff', 'top', 'f'))
        await writeFile(store.at('diff', 'top', 'f', 'inside'), '')
      } else {
        await within(store.graph, 'top', async (path) => {
          await rm(join(path, 'd'), { recursive: true })
          await writeFile(join(path, 'd'), 'a file now')
          await rm(join(path, 'f'))
          await mkdir(join(path, 'f'))
          await writeFile(join(path, 'f', 'inside'), '')
        })
      }
      assert.deepEqual(await changesOf('top'), ['C /d', 'C /f', 'A /f/inside'])
    })

    it('do not hold a directory for its times alone, but for its mode', async () => {
      await base({ 'd/a': 'a', 'e/a': 'a' })
      await edit(store, 'top', { files: { 'd/a': 'changed', 'e/a': 'changed' } })
      const layer = store.at('diff', 'top')
      await utimes(join(layer, 'd'), 1, 1)
      await utimes(layer, 1, 1)
      await chmod(join(layer, 'e'), 0o700)
      assert.deepEqual(await changesOf('top'), ['C /d/a', 'C /e', 'C /e/a'])
    })

    if (!union) {
      it('are exact to the nanosecond', async () => {
        await base({ same: 'a', size: 'a', time: 'a', mode: 'a' })
        await within(store.graph, 'top', async (path) => {
          await utimes(join(path, 'same'), 1, 1)
          await lutimes(join(path, 'time'), 1000, 1000.000001)
          await chmod(join(path, 'mode'), 0o600)
          await writeFile(join(path, 'size'), 'aa')
          await link(join(path, 'same'), join(path, 'link'))
        })
        assert.deepEqual(await changesOf('top'), ['A /link', 'C /mode', 'C /same', 'C /size', 'C /time'])
      })
    }

    it('tell of names that are no text by their bytes', async () => {
      await store.graph.create('base')
      const name = Buffer.from([0x2f, 0xff, 0xfe])
      await writeFile(Buffer.concat([Buffer.from(store.at('diff', 'base')), name]), '')
      const [change] = await store.graph.changes('base')
      assert.deepEqual(change, { kind: 'added', path: name.toString(), pathBytes: name })
    })

    it('count each file once, and neither directories nor deletions', async () => {
      await base({ a: 'x'.repeat(1000), 'd/b': 'y'.repeat(50), gone: 'z' })
      await within(store.graph, 'base', async (path) => {
        await link(join(path, 'a'), join(path, 'd', 'again'))
        await symlink('12345', join(path, 'link'))
      })
      await edit(store, 'top', { files: { 'd/b': 'new' }, gone: ['gone'] })
      assert.equal(await store.graph.diffSize('base'), 1000 + 50 + 1 + 5)
      assert.equal(await store.graph.diffSize('top'), 3)
      assert.equal(await store.graph.diffSize('top', { parent: 'base' }), 3)
      assert.equal(await store.graph.diffSize('base', { parent: 'top' }), 51)
    })

    it('can be asked of a store that was opened to be read', async () => {
      await base({ a: 'a' })
      await edit(store, 'top', { files: { b: 'b' }, gone: ['a'] })
      const graph = await store.open({ readOnly: true })
      assert.deepEqual(
        (await graph.changes('top')).map(({ kind, path }) => [kind, path]),
        [
          ['deleted', '/a'],
          ['added', '/b'],
        ],
      )
      assert.equal(await graph.diffSize('top'), 1)
    })

    it('can be asked while the layer is mounted, and leave nothing held', async () => {
      await base({ a: 'a' })
      const path = await store.graph.get('top')
      await writeFile(join(path, 'b'), 'b')
      assert.deepEqual(await changesOf('top'), ['A /b'])
      await store.graph.put('top')
      await store.graph.remove('top')
    })

    it('refuse what is no layer, and an abort that came before', async () => {
      await base({ a: 'a' })
      await rejects(store.graph.changes('nobody'), 'ERR_LAYER_NOT_FOUND')
      await rejects(store.graph.diffSize('top', { parent: 'nobody' }), 'ERR_LAYER_NOT_FOUND')
      await rejects(store.graph.changes('top', { parent: '..' }), 'ERR_INVALID_LAYER_ID')
      const reason = new Error('enough')
      await assert.rejects(store.graph.changes('top', { signal: AbortSignal.abort(reason) }), reason)
      await rename(store.at('diff', 'top'), store.at('diff', 'aside'))
      await rejects(store.graph.changes('top'), 'ERR_LAYER_CORRUPT')
      await rename(store.at('diff', 'aside'), store.at('diff', 'top'))
    })
  })
}
