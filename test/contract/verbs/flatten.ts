import assert from 'node:assert/strict'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { lstat, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GraphDriver } from 'graphdriver'
import { fromEntries, type TarEntryInput } from 'graphdriver/archive'
import { listxattrSync, getxattrSync, setxattrSync } from 'graphdriver/sys'
import { setStepHook } from '#lib/store/step.js'
import {
  itMerges,
  mountPoints,
  privileged,
  rejects,
  snapshot,
  stack,
  text,
  traitsOf,
  useStore,
  within,
} from '../support.ts'

const entry = (name: string, more: Partial<TarEntryInput> = {}): TarEntryInput => ({
  name,
  type: name.endsWith('/') ? 'directory' : 'file',
  ...more,
})
const file = (name: string, body: string): TarEntryInput => entry(name, { body: Buffer.from(body) })
const gone = (name: string): TarEntryInput => entry(name, { size: 0 })

/** Three layers that do to one another all that layers can do. */
async function fill(graph: GraphDriver): Promise<void> {
  await graph.create('base', {
    from: fromEntries([
      entry('d/', { mode: 0o2750, mtime: 1_000_000_000_000_000_000n }),
      file('d/kept', 'kept'),
      file('d/gone', 'gone'),
      file('one', 'linked'),
      entry('two', { type: 'link', linkname: 'one' }),
      entry('opaque/'),
      file('opaque/below', 'below'),
      file('was-file', 'x'),
      entry('was-dir/'),
      file('was-dir/inside', 'x'),
      entry('link', { type: 'symlink', linkname: 'd/kept' }),
      ...(privileged ? [entry('device', { type: 'block', major: 7, minor: 200, mode: 0o640 })] : []),
      entry('fifo', { type: 'fifo' }),
    ]),
  })
  await graph.create('middle', {
    parent: 'base',
    from: fromEntries([
      entry('d/', { mode: 0o700, mtime: 1_100_000_000_000_000_000n }),
      gone('d/.wh.gone'),
      entry('opaque/'),
      gone('opaque/.wh..wh..opq'),
      file('opaque/above', 'above'),
      gone('.wh.was-dir'),
      file('two', 'its own now'),
    ]),
  })
  await graph.create('top', {
    parent: 'middle',
    from: fromEntries([
      gone('.wh.was-file'),
      entry('was-file/'),
      file('was-file/inside', 'y'),
      file('was-dir', 'a file now'),
      entry('d/', { mode: 0o700, mtime: 1_100_000_000_000_000_000n }),
      file('d/again', 'again'),
      entry('d/another', { type: 'link', linkname: 'd/again' }),
    ]),
  })
}

async function tarOf(graph: GraphDriver, id: string): Promise<Buffer> {
  const blocks: Buffer[] = []
  for await (const block of await graph.diff(id)) blocks.push(block as Buffer)
  return Buffer.concat(blocks)
}

/** A chain becomes one layer. */
export function flatten(driver: string): void {
  describe('flatten', () => {
    const store = useStore(driver)

    itMerges(driver, 'makes a base layer of what the mount shows', async () => {
      const { graph } = store
      await fill(graph)
      await graph.flatten('top', 'flat')
      const [view, flat] = [await graph.get('top', { readOnly: true }), await graph.get('flat')]
      const [found, wanted] = [await described(flat), await described(view)]
      // aufs changes the time of a layer's directory when it first mounts it.
      if (driver === 'aufs') for (const tree of [found, wanted]) delete tree['.']
      assert.deepEqual(found, wanted)
      await graph.put('flat')
      await graph.put('top')
      const { parent } = (await graph.list()).find(({ id }) => id === 'flat')!
      assert.equal(parent, undefined)
    })

    it('holds what each layer left, and nothing that is gone', async () => {
      const { graph } = store
      await fill(graph)
      await graph.flatten('top', 'flat')
      assert.deepEqual(await mountPoints(store.root), [], 'something was mounted')
      await within(graph, 'flat', async (path) => {
        assert.deepEqual((await readdir(join(path, 'd'))).sort(), ['again', 'another', 'kept'])
        assert.deepEqual(await readdir(join(path, 'opaque')), ['above'])
        assert.deepEqual(await readdir(join(path, 'was-file')), ['inside'])
        assert.equal(await text(join(path, 'was-dir')), 'a file now')
        assert.equal(await text(join(path, 'one')), 'linked')
        assert.equal(await text(join(path, 'two')), 'its own now')
        const [one, again, another] = ['one', 'd/again', 'd/another'].map((name) =>
          lstatSync(join(path, name)),
        )
        assert.equal(one!.nlink, 1)
        assert.deepEqual([again!.nlink, again!.ino], [2, another!.ino])
        const d = lstatSync(join(path, 'd'))
        assert.deepEqual([d.mode & 0o7777, d.mtimeMs], [0o700, 1_100_000_000_000])
      })
      // Nothing is below, so nothing is hidden either.
      const kinds = new Set((await graph.changes('flat')).map(({ kind }) => kind))
      assert.deepEqual([...kinds], ['added'])
    })

    it('shares no file with the chain: who writes to the one leaves the other alone', async () => {
      const { graph } = store
      await stack(graph, ['base', 'top'], (path, id) => writeFile(join(path, id), id))
      const before = await tarOf(graph, 'top')
      const base = await snapshot(store.at('diff', 'base'))
      await graph.flatten('top', 'flat')
      await within(graph, 'flat', async (path) => {
        await writeFile(join(path, 'base'), 'overwritten')
        chmodSync(join(path, 'top'), 0o600)
      })
      assert.deepEqual(await snapshot(store.at('diff', 'base')), base)
      assert.deepEqual(await tarOf(graph, 'top'), before)
      await graph.remove('top')
      await graph.remove('base')
      await within(graph, 'flat', async (path) => {
        assert.equal(await text(join(path, 'base')), 'overwritten')
      })
    })

    it('keeps times to the nanosecond, holes, extended attributes and odd names', async () => {
      const { graph } = store
      const odd = Buffer.of(0xff, 0xfe, 0x0a)
      await graph.create('base')
      await within(graph, 'base', async (path) => {
        mkdirSync(join(path, 'dir'))
        writeFileSync(join(path, 'dir', 'sparse'), Buffer.from('end'))
        await truncate(join(path, 'dir', 'sparse'), 8 << 20)
        writeFileSync(Buffer.concat([Buffer.from(`${path}/dir/`), odd]), 'odd')
        setxattrSync(join(path, 'dir'), 'user.test', Buffer.of(0, 255, 10))
        symlinkSync('nowhere', join(path, 'dangling'))
        linkSync(join(path, 'dangling'), join(path, 'dangling-too'))
        utimesSync(join(path, 'dir', 'sparse'), 1, 1_234_567_890.123)
        utimesSync(join(path, 'dir'), 1, 1_234_567_890.987)
        chmodSync(path, 0o711)
        utimesSync(path, 1, 1_000_000_000.5)
      })
      await graph.flatten('base', 'flat')
      const [from, to] = [store.at('diff', 'base'), store.at('diff', 'flat')]
      for (const path of [from, to]) {
        const found = await readdir(join(path, 'dir'), { encoding: 'buffer' })
        assert.ok(found.some((name) => name.equals(odd)))
        unlinkSync(Buffer.concat([Buffer.from(`${path}/dir/`), odd]))
        utimesSync(join(path, 'dir'), 1, 1_234_567_890.987)
      }
      assert.deepEqual(await described(to), await described(from))
      assert.ok(lstatSync(join(to, 'dir', 'sparse')).blocks < 100, 'its hole was filled')
    })

    it('of a layer that goes on: the flat one is a parent like any other', async () => {
      const { graph } = store
      await stack(graph, ['base', 'top'], (path, id) => writeFile(join(path, id), id))
      await graph.flatten('top', 'flat')
      await graph.create('child', { parent: 'flat' })
      await within(graph, 'child', async (path) => {
        assert.equal(await text(join(path, 'base')), 'base')
        assert.equal(await text(join(path, 'top')), 'top')
      })
      await rejects(graph.remove('flat'), 'ERR_LAYER_HAS_CHILDREN')
      await graph.remove('child')
      await graph.remove('flat')
    })

    it('refuses what it cannot be, and makes nothing', async () => {
      const { graph } = store
      await stack(graph, ['base', 'top'])
      const before = await snapshot(store.root, { loose: true })
      await rejects(graph.flatten('nobody', 'flat'), 'ERR_LAYER_NOT_FOUND')
      await rejects(graph.flatten('top', 'base'), 'ERR_LAYER_EXISTS')
      await rejects(graph.flatten('top', 'top'), 'ERR_LAYER_EXISTS')
      await rejects(graph.flatten('top', '../flat'), 'ERR_INVALID_LAYER_ID', /newId|layer id/)
      await rejects(graph.flatten('..', 'flat'), 'ERR_INVALID_LAYER_ID')
      await rejects(graph.flatten('top', undefined as unknown as string), 'ERR_INVALID_ARG_TYPE')
      await assert.rejects(graph.flatten('top', 'flat', { signal: AbortSignal.abort(new Error('no')) }), /no/)
      assert.deepEqual(await snapshot(store.root, { loose: true }), before)
      const reader = await store.open({ readOnly: true })
      await rejects(reader.flatten('top', 'flat'), 'ERR_STORE_READ_ONLY')
    })

    it('refuses a layer that somebody may write to', async () => {
      const { graph } = store
      await stack(graph, ['base', 'top'])
      const other = await store.open()
      await other.get('top')
      await rejects(graph.flatten('top', 'flat'), 'ERR_LAYER_IN_USE')
      await rejects(other.flatten('top', 'flat'), 'ERR_LAYER_IN_USE')
      await graph.flatten('base', 'flat')
      await other.put('top')
      await graph.flatten('top', 'flat-top')
    })

    it('refuses a layer whose contents are missing', async () => {
      const { graph } = store
      await stack(graph, ['base', 'middle', 'top'])
      await rm(store.at('diff', 'middle'), { recursive: true })
      await rejects(graph.flatten('top', 'flat'), 'ERR_LAYER_CORRUPT', /middle/)
      assert.equal(await graph.exists('flat'), false)
    })

    describe('while it copies', () => {
      afterEach(() => {
        setStepHook(undefined)
      })

      /** Calls `work` when everything is copied, and nothing is in its place yet. */
      function onceCopied(work: () => void | Promise<void>): void {
        setStepHook((name) => (name === 'copied the chain' ? work() : undefined))
      }

      it('the layer is frozen, and nobody can remove it', async () => {
        const { graph } = store
        await stack(graph, ['base', 'top'], (path, id) => writeFile(join(path, id), id))
        const other = await store.open()
        let met = false
        onceCopied(async () => {
          met = true
          assert.equal((await readdir(store.at('staging'))).length, 1)
          await rejects(other.remove('top'), 'ERR_LAYER_IN_USE')
          await rejects(other.remove('base'), 'ERR_LAYER_HAS_CHILDREN')
          await rejects(other.applyDiff('top', fromEntries([])), 'ERR_LAYER_IN_USE')
          assert.equal(await other.exists('flat'), false)
          if (traitsOf(driver).union) {
            const path = await other.get('top')
            assert.throws(() => {
              writeFileSync(join(path, 'new'), '')
            }, /EROFS/)
            await other.put('top')
          }
        })
        await graph.flatten('top', 'flat')
        assert.ok(met)
        await other.remove('top')
      })

      it('an abort leaves nothing', async () => {
        const { graph } = store
        await stack(graph, ['base', 'top'], (path, id) => writeFile(join(path, id), id))
        const controller = new AbortController()
        onceCopied(() => {
          controller.abort(new Error('enough'))
        })
        await assert.rejects(graph.flatten('top', 'flat', { signal: controller.signal }), /enough/)
        // It waits until what was aborted has been undone.
        await graph.create('flat')
        assert.deepEqual(await readdir(store.at('staging')), [])
        assert.deepEqual(await graph.changes('flat'), [])
        await graph.remove('top')
      })

      it('who makes the same layer first wins', async () => {
        const { graph } = store
        await stack(graph, ['base', 'top'], (path, id) => writeFile(join(path, id), id))
        const other = await store.open()
        onceCopied(() => other.create('flat'))
        await rejects(graph.flatten('top', 'flat'), 'ERR_LAYER_EXISTS')
        assert.deepEqual(await graph.changes('flat'), [])
        assert.deepEqual(await readdir(store.at('staging')), [])
      })
    })

    it('tells how far it is', async () => {
      const { graph } = store
      await stack(graph, ['base', 'top'], (path, id) => writeFile(join(path, id), '12345'))
      const seen: { bytes: number; entries: number }[] = []
      await graph.flatten('top', 'flat', { onProgress: (progress) => seen.push(progress) })
      assert.deepEqual(seen.at(-1), { bytes: 10, entries: 2 })
    })

    if (traitsOf(driver).union) {
      it('goes on where a chain may be no longer', async () => {
        const { graph } = store
        const ids = Array.from({ length: 12 }, (_, at) => `layer${String(at)}`)
        await stack(graph, ids, (path, id) => writeFile(join(path, id), id))
        await graph.flatten(ids.at(-1)!, 'flat')
        assert.deepEqual(
          (await readdir(store.at('diff', 'flat'))).filter((name) => !name.startsWith('.')).sort(),
          [...ids].sort(),
        )
      })
    }
  })
}

/** All that a tree shows, but inode numbers and what the directories' sizes are. */
async function described(root: string): Promise<Record<string, string>> {
  const links = new Map<bigint, string>()
  const found: Record<string, string> = {}
  for (const [path, line] of Object.entries(await snapshot(root, { loose: true }))) {
    const full = join(root, path)
    const stats = await lstat(full, { bigint: true })
    const first = stats.isDirectory() ? path : (links.get(stats.ino) ?? path)
    links.set(stats.ino, first)
    const xattrs = listxattrSync(full, { nofollow: true })
      .filter((name) => !/^(trusted|user)\.overlay\./.test(name))
      .map((name) => `${name}=${getxattrSync(full, name, { nofollow: true }).toString('hex')}`)
    found[path] = [line, stats.mtimeNs, first, ...xattrs.sort()].join(' ')
  }
  return found
}
