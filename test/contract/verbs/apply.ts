import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, mkdir, open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import type { GraphDriver } from 'graphdriver'
import { fromEntries } from 'graphdriver/archive'
import { edit } from '../edits.ts'
import {
  itMerges,
  mountPoints,
  names,
  privileged,
  rejects,
  snapshot,
  stack,
  text,
  traitsOf,
  useStore,
  within,
} from '../support.ts'

type Entry = Parameters<typeof fromEntries>[0] extends Iterable<infer E> | AsyncIterable<infer E> ? E : never

const file = (name: string, content: string): Entry => ({ name, type: 'file', body: Buffer.from(content) })
const directory = (name: string): Entry => ({ name, type: 'directory' })
const whiteout = (name: string): Entry => ({ name, type: 'file', size: 0 })

async function bytesOf(tar: Readable): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of tar) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** A tar that stops in its middle until it is told to go on. */
function halted(whole: Buffer): { tar: AsyncIterable<Buffer>; began: Promise<void>; go: () => void } {
  let go = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  let begin = (): void => undefined
  const began = new Promise<void>((resolve) => {
    begin = resolve
  })
  async function* parts(): AsyncGenerator<Buffer> {
    yield whole.subarray(0, 600)
    begin()
    await gate
    yield whole.subarray(600)
  }
  return { tar: parts(), began, go }
}

export function apply(driver: string): void {
  const { union } = traitsOf(driver)

  describe('applyDiff', () => {
    const store = useStore(driver)
    const layer = (): Entry[] => [
      whiteout('.wh.gone'),
      directory('d/'),
      whiteout('d/.wh..wh..opq'),
      file('d/new', 'new'),
      { name: 'link', type: 'symlink', linkname: 'd/new' },
      { name: 'hard', type: 'link', linkname: 'd/new' },
      { ...file('setuid', 'x'), mode: 0o4755, uid: 0, gid: 0, mtime: 1234567890123456789n },
    ]
    const tarOf = (entries: Entry[]): Readable => fromEntries(entries)
    /** base, and an empty layer on it. */
    async function two(): Promise<void> {
      await store.graph.create('base')
      await edit(store, 'base', { files: { 'd/old': 'o', gone: 'g', kept: 'k' } })
      await store.graph.create('top', { parent: 'base' })
    }
    async function leftovers(): Promise<string[]> {
      return readdir(store.at('staging'))
    }

    itMerges(driver, 'makes a layer that shows what the tar says', async () => {
      await two()
      const tar = await bytesOf(tarOf(layer()))
      const result = await store.graph.applyDiff('top', Readable.from([tar]))
      assert.deepEqual([result.size, result.entries, result.warnings], [4, 7, []])
      assert.equal(result.diffID, `sha256:${createHash('sha256').update(tar).digest('hex')}`)
      await within(store.graph, 'top', async (path) => {
        assert.deepEqual(await names(path), ['d', 'hard', 'kept', 'link', 'setuid'])
        assert.deepEqual(await names(join(path, 'd')), ['new'])
        assert.equal(await text(join(path, 'link')), 'new')
        const [one, other] = [await stat(join(path, 'hard')), await stat(join(path, 'd/new'))]
        assert.deepEqual([one.ino, one.nlink], [other.ino, 2])
        const setuid = await stat(join(path, 'setuid'), { bigint: true })
        assert.deepEqual([setuid.mode & 0o7777n, setuid.mtimeNs], [0o4755n, 1234567890123456789n])
      })
      assert.deepEqual(await leftovers(), [])
    })

    itMerges(driver, 'and diff are inverse', async () => {
      await two()
      await store.graph.applyDiff('top', tarOf(layer()))
      const tar = await bytesOf(await store.graph.diff('top'))
      await store.graph.create('again', { parent: 'base' })
      const { warnings } = await store.graph.applyDiff('again', Readable.from([gzipSync(tar)]))
      assert.deepEqual(warnings, [])
      assert.deepEqual(await bytesOf(await store.graph.diff('again')), tar)
      const view = (id: string): Promise<unknown> =>
        within(store.graph, id, (path) => snapshot(path, { loose: true }))
      assert.deepEqual(await view('again'), await view('top'))
    })

    itMerges(driver, 'hides everything below when the root is opaque', async () => {
      await two()
      const tar = tarOf([file('kept', 'mine'), whiteout('.wh..wh..opq'), file('d/new', 'new')])
      assert.deepEqual((await store.graph.applyDiff('top', tar)).warnings, [])
      await within(store.graph, 'top', async (path) => {
        assert.deepEqual([await names(path), await names(join(path, 'd'))], [['d', 'kept'], ['new']])
        assert.equal(await text(join(path, 'kept')), 'mine')
      })
      const kinds = (await store.graph.changes('top')).map(({ kind, path }) => `${kind} ${path}`)
      assert.deepEqual(kinds, [
        'deleted /gone',
        'modified /d',
        'deleted /d/old',
        'added /d/new',
        'modified /kept',
      ])
    })

    it('takes an open file, from where it stands', async () => {
      await two()
      const path = store.at('staging', 'tar')
      await writeFile(path, Buffer.concat([Buffer.from('before'), await bytesOf(tarOf([file('f', 'f')]))]))
      const tar = await open(path)
      await tar.read(Buffer.alloc(6), 0, 6)
      await store.graph.applyDiff('top', tar)
      await tar.close()
      await rm(path)
      await within(store.graph, 'top', async (view) => assert.equal(await text(join(view, 'f')), 'f'))
    })

    it('leaves the layer as it was when the tar is bad, and usable', async () => {
      await two()
      const whole = await bytesOf(tarOf(layer()))
      const bad: Record<string, Readable> = {
        ERR_ARCHIVE_TRUNCATED: Readable.from([whole.subarray(0, whole.length - 1024 - 700)]),
        ERR_ARCHIVE_FORMAT: Readable.from([whole.subarray(0, 512), Buffer.alloc(512, 'x'), whole]),
        ERR_ARCHIVE_PATH: tarOf([file('ok', 'ok'), file('../../escaped', 'x')]),
        ERR_ARCHIVE_WHITEOUT: tarOf([file('ok', 'ok'), file('.wh.body', 'x')]),
        ERR_ARCHIVE_LIMIT: tarOf([file('ok', 'ok'), file('a', 'b'.repeat(50000))]),
      }
      for (const [code, tar] of Object.entries(bad)) {
        await rejects(store.graph.applyDiff('top', tar, { limits: { bytes: 20000 } }), code)
        assert.deepEqual([await leftovers(), await store.graph.changes('top')], [[], []])
      }
      const failing = async function* (): AsyncGenerator<Buffer> {
        yield whole.subarray(0, 1000)
        await Promise.resolve()
        throw new Error('the network is down')
      }
      await assert.rejects(store.graph.applyDiff('top', failing()), { message: 'the network is down' })
      await store.graph.applyDiff('top', tarOf(layer()))
      assert.equal((await store.graph.changes('top')).length > 0, true)
    })

    it('refuses a layer that is referenced, read, being filled, with children, or not empty', async () => {
      await two()
      const second = await store.open()
      const once = (graph: GraphDriver = store.graph): Promise<unknown> =>
        graph.applyDiff('top', tarOf([file('f', 'f')]))
      await store.graph.get('top')
      await rejects(once(), 'ERR_LAYER_IN_USE')
      await rejects(once(second), 'ERR_LAYER_IN_USE')
      await store.graph.put('top')
      const tar = await store.graph.diff('top')
      await rejects(once(), 'ERR_LAYER_IN_USE')
      await rejects(once(second), 'ERR_LAYER_IN_USE')
      tar.destroy()
      await store.graph.create('child', { parent: 'top' })
      await rejects(once(), 'ERR_LAYER_HAS_CHILDREN')
      await store.graph.remove('child')
      await once()
      await rejects(once(), 'ERR_LAYER_NOT_EMPTY', /\/?f/)
      await rejects(store.graph.applyDiff('base', tarOf([])), 'ERR_LAYER_HAS_CHILDREN')
      await rejects(store.graph.applyDiff('nobody', tarOf([])), 'ERR_LAYER_NOT_FOUND')
      assert.deepEqual(await leftovers(), [])
    })

    it('takes a layer that was used and left empty', async () => {
      await two()
      await within(store.graph, 'top', async () => Promise.resolve())
      await store.graph.applyDiff('top', tarOf([file('f', 'f')]))
      await within(store.graph, 'top', async (path) =>
        assert.deepEqual(await names(path), ['d', 'f', 'gone', 'kept']),
      )
    })

    it('keeps everybody else away while it works, and nobody when it is over', async () => {
      await two()
      const second = await store.open()
      const { tar, began, go } = halted(await bytesOf(tarOf(layer())))
      const applying = store.graph.applyDiff('top', tar)
      await began
      for (const graph of [store.graph, second]) {
        await rejects(graph.get('top'), 'ERR_LAYER_IN_USE')
        await rejects(graph.remove('top'), 'ERR_LAYER_IN_USE')
        await rejects(graph.diff('top'), 'ERR_LAYER_IN_USE')
        await rejects(graph.applyDiff('top', tarOf([])), 'ERR_LAYER_IN_USE')
        await rejects(graph.create('child', { parent: 'top' }), 'ERR_LAYER_IN_USE')
        await graph.get('base', { readOnly: true })
        await graph.put('base')
      }
      go()
      await applying
      await second.create('child', { parent: 'top' })
      await second.remove('child')
      await second.remove('top')
    })

    it('can be aborted: the layer stays empty, and can be had', async () => {
      await two()
      const reason = new Error('enough')
      await assert.rejects(
        store.graph.applyDiff('top', tarOf([]), { signal: AbortSignal.abort(reason) }),
        reason,
      )
      const controller = new AbortController()
      const whole = await bytesOf(tarOf(layer()))
      const endless = async function* (): AsyncGenerator<Buffer> {
        yield whole.subarray(0, 600)
        controller.abort(reason)
        await new Promise(() => undefined)
      }
      await assert.rejects(store.graph.applyDiff('top', endless(), { signal: controller.signal }), reason)
      await within(store.graph, 'top', async (path) =>
        assert.deepEqual(await names(path), ['d', 'gone', 'kept']),
      )
      assert.deepEqual(await leftovers(), [])
    })

    it('gives the root what its entry says, else what it inherited', async () => {
      await store.graph.create('base')
      await chmod(store.at('diff', 'base'), 0o711)
      for (const id of ['plain', 'rooted']) await store.graph.create(id, { parent: 'base' })
      await store.graph.applyDiff('plain', tarOf([file('f', 'f')]))
      await store.graph.applyDiff(
        'rooted',
        tarOf([{ ...directory('./'), mode: 0o1700, mtime: 5n }, file('f', 'f')]),
      )
      const modeOf = async (id: string): Promise<number> => (await stat(store.at('diff', id))).mode & 0o7777
      assert.deepEqual([await modeOf('plain'), await modeOf('rooted')], [0o711, 0o1700])
      const paths = async (id: string): Promise<string[]> =>
        (await store.graph.changes(id)).map(({ path }) => path)
      assert.deepEqual([await paths('plain'), await paths('rooted')], [['/f'], ['/f']])
    })

    it(`devices are ${privileged ? 'made' : 'left out and told of where they may not be made, and the rest is whole'}`, async () => {
      await store.graph.create('base')
      const devices: Entry[] = [
        { name: 'dev/null', type: 'char', mode: 0o666, major: 1, minor: 3 },
        { name: 'dev/disk', type: 'block', mode: 0o600, major: 8, minor: 1 },
      ]
      const all = [
        file('before', 'b'),
        directory('dev/'),
        ...devices,
        { name: 'fifo', type: 'fifo' as const },
        file('z', 'z'),
      ]
      const { warnings, entries } = await store.graph.applyDiff('base', tarOf(all))
      const told = warnings.map(({ code, path }) => `${code} ${path}`)
      assert.equal(entries, all.length)
      assert.deepEqual(told, privileged ? [] : ['DEVICE_REFUSED dev/null', 'DEVICE_REFUSED dev/disk'])
      await within(store.graph, 'base', async (path) => {
        assert.deepEqual(await names(path), ['before', 'dev', 'fifo', 'z'])
        assert.deepEqual(await names(join(path, 'dev')), privileged ? ['disk', 'null'] : [])
        assert.equal((await stat(join(path, 'fifo'))).isFIFO(), true)
      })
    })

    it('needs a store that may be written to', async () => {
      await two()
      const graph = await store.open({ readOnly: true })
      await rejects(graph.applyDiff('top', tarOf([])), 'ERR_STORE_READ_ONLY')
      await rejects(graph.create('new', { from: tarOf([]) }), 'ERR_STORE_READ_ONLY')
      await rejects(store.graph.applyDiff('top', 'a string' as never), 'ERR_INVALID_ARG_TYPE')
      await rejects(store.graph.applyDiff('top', tarOf([]), { limits: { entries: -1 } }), 'ERR_OUT_OF_RANGE')
    })
  })

  describe('create({ from })', () => {
    const store = useStore(driver)

    itMerges(driver, 'makes a layer of a tar', async () => {
      const base = await store.graph.create('base', {
        from: fromEntries([file('a', 'a'), directory('d/'), file('d/b', 'b')]),
      })
      assert.equal(base.entries, 3)
      await store.graph.create('top', {
        parent: 'base',
        from: fromEntries([whiteout('.wh.a'), file('d/c', 'c')]),
      })
      await within(store.graph, 'top', async (path) => {
        assert.deepEqual([await names(path), await names(join(path, 'd'))], [['d'], ['b', 'c']])
      })
      assert.deepEqual(await readdir(store.at('staging')), [])
    })

    it('makes none of a stream that fails before it is read, and says why', async () => {
      const missing = (): Readable => createReadStream(store.at('no-such.tar'))
      await store.graph.create('none')
      // The layer's gates are waited for meanwhile.
      const first = store.graph.create('busy', { parent: 'none' })
      await rejects(store.graph.create('new', { parent: 'none', from: missing() }), 'ENOENT')
      await first
      await rejects(store.graph.applyDiff('busy', missing()), 'ENOENT')
      await rejects(store.graph.create('busy', { from: missing() }), 'ERR_LAYER_EXISTS')
      assert.equal(await store.graph.exists('new'), false)
    })

    it('makes none when the tar is bad, or the id or the parent is', async () => {
      await stack(store.graph, ['base'])
      const bad = (): Readable => fromEntries([file('ok', 'ok'), file('../escaped', 'x')])
      await rejects(store.graph.create('new', { from: bad() }), 'ERR_ARCHIVE_PATH')
      await rejects(store.graph.create('new', { parent: 'base', from: bad() }), 'ERR_ARCHIVE_PATH')
      await rejects(store.graph.create('base', { from: fromEntries([]) }), 'ERR_LAYER_EXISTS')
      await rejects(
        store.graph.create('new', { parent: 'nobody', from: fromEntries([]) }),
        'ERR_LAYER_NOT_FOUND',
      )
      assert.equal(await store.graph.exists('new'), false)
      for (const name of ['staging', 'mnt', 'diff'].filter((each) => each !== 'staging' || union)) {
        assert.ok(!(await readdir(store.at(name))).includes('new'), name)
      }
      assert.deepEqual(await readdir(store.at('staging')), [])
      await within(store.graph, 'base', (path) => writeFile(join(path, 'still'), 'writable'))
      await store.graph.remove('base')
    })

    it('freezes the parent while it is made', async () => {
      await stack(store.graph, ['base', 'parent'])
      const second = await store.open()
      const { tar, began, go } = halted(await bytesOf(fromEntries([file('f', 'f')])))
      const creating = store.graph.create('child', { parent: 'parent', from: tar })
      await began
      assert.equal(await second.exists('child'), false)
      await rejects(second.remove('parent'), 'ERR_LAYER_IN_USE')
      await rejects(store.graph.remove('parent'), 'ERR_LAYER_IN_USE')
      await rejects(second.applyDiff('parent', fromEntries([])), 'ERR_LAYER_IN_USE')
      if (union) {
        const path = await second.get('parent')
        await assert.rejects(mkdir(join(path, 'written')), { code: 'EROFS' })
        await second.put('parent')
      }
      go()
      await creating
      await within(second, 'child', async (path) => assert.deepEqual(await names(path), ['f']))
      assert.deepEqual(await mountPoints(store.root), [])
    })
  })
}
