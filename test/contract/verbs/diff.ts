import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { GraphDriver } from 'graphdriver'
import { entries } from 'graphdriver/archive'
import { mountSync, umount2Sync } from 'graphdriver/sys'
import { edit } from '../edits.ts'
import { mountPoints, rejects, stack, traitsOf, useStore, within } from '../support.ts'

type Options = Parameters<GraphDriver['diff']>[1]

export function diff(driver: string): void {
  const { union } = traitsOf(driver)

  describe('diff', () => {
    const store = useStore(driver)
    const file = (): string => store.at('staging', 'tar')

    async function namesOf(tar: Readable): Promise<string[]> {
      const found: string[] = []
      for await (const { name } of entries(tar)) found.push(name.toString())
      return found
    }
    async function namesIn(id: string, options?: Options): Promise<string[]> {
      return namesOf(await store.graph.diff(id, options))
    }
    async function sumOf(id: string, options?: Options): Promise<string> {
      const hash = createHash('sha256')
      for await (const part of await store.graph.diff(id, options)) hash.update(part as Buffer)
      return hash.digest('hex')
    }
    /** base, middle, top: each changes something of the one below. */
    async function three(): Promise<void> {
      await store.graph.create('base')
      await edit(store, 'base', { files: { 'd/a': 'a', 'd/b': 'b', e: 'e', 'old/x': 'x', 'old/y': 'y' } })
      await store.graph.create('middle', { parent: 'base' })
      await edit(store, 'middle', { files: { 'd/c': 'c', f: 'f' }, gone: ['d/a'] })
      await store.graph.create('top', { parent: 'middle' })
      await edit(store, 'top', { files: { e: 'changed', 'old/z': 'z' }, gone: ['f'], opaque: ['old'] })
    }

    it('of a base layer is all that is in it', async () => {
      await three()
      assert.deepEqual(await namesIn('base'), ['d/', 'd/a', 'd/b', 'e', 'old/', 'old/x', 'old/y'])
    })

    it('has what the layer adds, changes and deletes, and nothing else', async () => {
      await three()
      assert.deepEqual(await namesIn('middle'), ['d/', 'd/.wh.a', 'd/c', 'f'])
      const opaque = union ? ['old/.wh..wh..opq'] : ['old/.wh.x', 'old/.wh.y']
      assert.deepEqual(await namesIn('top'), ['.wh.f', 'e', 'old/', ...opaque, 'old/z'])
    })

    it('compares the two views where the parent is another', async () => {
      await three()
      assert.deepEqual(await namesIn('top', { parent: 'base' }), [
        'd/',
        'd/.wh.a',
        'd/c',
        'e',
        'old/',
        'old/.wh.x',
        'old/.wh.y',
        'old/z',
      ])
      assert.deepEqual(await namesIn('top', { parent: 'top' }), [])
      // Not even an ancestor.
      assert.deepEqual(await namesIn('base', { parent: 'middle' }), ['.wh.f', 'd/', 'd/.wh.c', 'd/a'])
      assert.equal(await sumOf('top', { parent: 'middle' }), await sumOf('top'))
    })

    it('of an empty layer is an empty tar', async () => {
      await stack(store.graph, ['base', 'top'])
      for (const id of ['base', 'top']) {
        const parts: Buffer[] = []
        for await (const part of await store.graph.diff(id)) parts.push(part as Buffer)
        assert.deepEqual(Buffer.concat(parts), Buffer.alloc(1024))
      }
    })

    it('of a layer that was never used is empty', async () => {
      await three()
      await store.graph.create('fresh', { parent: 'top' })
      assert.deepEqual(await namesIn('fresh'), [])
    })

    it('tells what was done to the root itself', async () => {
      await three()
      await chmod(store.at('diff', 'base'), 0o711)
      await store.graph.create('child', { parent: 'base' })
      assert.equal((await namesIn('base'))[0], './')
      assert.deepEqual(await namesIn('child'), [])
      await within(store.graph, 'child', (path) => chmod(path, 0o700))
      assert.deepEqual(await namesIn('child'), ['./'])
    })

    it('gives the same bytes each time, by stream and into a file', async () => {
      await three()
      for (const id of ['base', 'middle', 'top']) {
        const sum = await sumOf(id)
        assert.equal(await sumOf(id), sum)
        const to = await open(file(), 'w')
        const result = await store.graph.diffTo(id, to)
        await to.close()
        const bytes = await readFile(file())
        assert.equal(createHash('sha256').update(bytes).digest('hex'), sum)
        assert.deepEqual([result.size, result.warnings], [bytes.length, []])
        assert.equal(result.entries, (await namesIn(id)).length)
      }
      await rm(file())
    })

    it('keeps or cuts the fraction of times', async () => {
      await store.graph.create('base')
      await edit(store, 'base', { files: { a: 'a' } })
      const at = (await stat(store.at('diff', 'base', 'a'), { bigint: true })).mtimeNs
      const times = async (options?: Options): Promise<bigint[]> => {
        const found: bigint[] = []
        for await (const { mtime } of entries(await store.graph.diff('base', options))) found.push(mtime)
        return found
      }
      assert.deepEqual(await times(), [at])
      assert.deepEqual(await times({ times: 'exact' }), [at])
      assert.deepEqual(await times({ times: 'seconds' }), [(at / 1000000000n) * 1000000000n])
    })

    it('works while the layer is mounted, and leaves the mount alone', async () => {
      await three()
      const path = await store.graph.get('top')
      await writeFile(join(path, 'now'), 'now')
      assert.ok((await namesIn('top')).includes('now'))
      assert.deepEqual(await mountPoints(store.root), union ? [path] : [])
      await store.graph.put('top')
      assert.deepEqual(await mountPoints(store.root), [])
    })

    it('that is still read when the last reference is given back unmounts at its end', async () => {
      await three()
      for (const graph of [store.graph, await store.open()]) {
        await graph.get('top')
        const stream = await store.graph.diff('top')
        await graph.put('top')
        assert.ok((await namesOf(stream)).length > 0)
        await store.graph.diff('base').then(namesOf)
        // The next call of this layer waits until it was given back.
        await store.graph.mounts('top')
        await within(store.graph, 'top', async () => Promise.resolve())
        assert.deepEqual(await mountPoints(store.root), [])
      }
    })

    it('shows the directory of a base layer as it is, not what somebody mounted in it', async () => {
      await store.graph.create('base')
      await edit(store, 'base', { files: { 'proc/covered': 'c', z: 'z' } })
      mountSync('none', store.at('diff', 'base', 'proc'), 'tmpfs')
      try {
        await writeFile(store.at('diff', 'base', 'proc', 'secret'), '')
        assert.deepEqual(await namesIn('base'), ['proc/', 'proc/covered', 'z'])
      } finally {
        umount2Sync(store.at('diff', 'base', 'proc'), 0)
      }
    })

    it('keeps the layer from being removed until it ends, fails or is destroyed', async () => {
      await three()
      const second = await store.open()
      const ends: ((tar: Readable) => Promise<unknown>)[] = [
        (tar) => namesOf(tar),
        (tar) => Promise.resolve(tar.destroy()),
        async (tar) => {
          for await (const part of tar) if ((part as Buffer).length > 0) break
        },
      ]
      for (const [round, end] of ends.entries()) {
        const id = `child${String(round)}`
        await store.graph.create(id, { parent: 'top' })
        const tar = await store.graph.diff(id)
        await rejects(store.graph.remove(id), 'ERR_LAYER_IN_USE')
        await rejects(second.remove(id), 'ERR_LAYER_IN_USE')
        await end(tar)
        await store.graph.remove(id)
      }
    })

    it('ends when the store is closed', async () => {
      await three()
      const second = await store.open()
      const tar = await second.diff('top')
      await second.close()
      assert.equal(tar.destroyed, true)
      await store.graph.remove('top')
    })

    it('ends when the store is closed while it begins', async () => {
      await three()
      for (let turns = 0; turns < 8; turns++) {
        const second = await store.open()
        const coming = second.diff('top')
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
        await second.close()
        assert.equal((await coming).destroyed, true)
      }
      await store.graph.remove('top')
    })

    it('can be aborted, and gives the layer back', async () => {
      await three()
      const reason = new Error('enough')
      await assert.rejects(store.graph.diff('top', { signal: AbortSignal.abort(reason) }), reason)
      const controller = new AbortController()
      const tar = await store.graph.diff('top', { signal: controller.signal })
      const failed = once(tar, 'error')
      controller.abort(reason)
      assert.deepEqual(await failed, [reason])
      const to = await open(file(), 'w')
      const second = new AbortController()
      const writing = store.graph.diffTo('top', to, { signal: second.signal })
      second.abort(reason)
      await assert.rejects(writing, reason)
      await store.graph.remove('top')
      await to.close()
      await rm(file())
    })

    it('tells how far it is', async () => {
      await three()
      const seen: { bytes: number; entries: number }[] = []
      const expected = await namesIn('top', { onProgress: (progress) => seen.push(progress) })
      assert.equal(seen.at(-1)!.entries, expected.length)
    })

    it('works on a store that was opened to be read', async () => {
      await three()
      const sums = [await sumOf('base'), await sumOf('middle'), await sumOf('top')]
      const graph = await store.open({ readOnly: true })
      for (const [at, id] of ['base', 'middle', 'top'].entries()) {
        const hash = createHash('sha256')
        for await (const part of await graph.diff(id)) hash.update(part as Buffer)
        assert.equal(hash.digest('hex'), sums[at])
      }
    })

    it('refuses what is no layer, and what is no option', async () => {
      await three()
      await rejects(store.graph.diff('nobody'), 'ERR_LAYER_NOT_FOUND')
      await rejects(store.graph.diff('top', { parent: 'nobody' }), 'ERR_LAYER_NOT_FOUND')
      await rejects(store.graph.diff('../top'), 'ERR_INVALID_LAYER_ID')
      await rejects(store.graph.diff('top', { parent: '../base' }), 'ERR_INVALID_LAYER_ID')
      await rejects(store.graph.diff('top', { times: 'minutes' as 'exact' }), 'ERR_INVALID_ARG_VALUE')
      await rejects(store.graph.diffTo('top', 1 as never), 'ERR_INVALID_ARG_TYPE')
      await rejects(store.graph.diff('top', { onProgress: 1 as never }), 'ERR_INVALID_ARG_TYPE')
      await rm(store.at('diff', 'top'), { recursive: true })
      await rejects(store.graph.diff('top'), 'ERR_LAYER_CORRUPT')
      await mkdir(store.at('diff', 'top'))
    })
  })
}
