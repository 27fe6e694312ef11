import assert from 'node:assert/strict'

import { entries } from '#lib/archive/entries.js'
import { fromEntries } from '#lib/archive/from-entries.js'
import type { TarEntryInput } from '#lib/archive/from-entries.js'
import { codeOf, cut, gather, pieces, readAll, write } from './support.ts'
import { entry, pax, tar } from './vectors/build.ts'
import { large } from './vectors/index.ts'

const file = (body: TarEntryInput['body'], size?: number): TarEntryInput => ({
  name: 'f',
  type: 'file',
  body,
  size,
})

async function* endless(size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) yield Buffer.alloc(size)
}

/** Takes one piece, and wants no more. */
async function first(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const piece of stream) {
    assert(piece instanceof Uint8Array)
    break
  }
}

describe('archive: fromEntries', () => {
  describe('bodies', () => {
    const hello = Buffer.from('hello')
    it('are bytes, pieces, or nothing', async () => {
      const expected = tar(entry({}, hello))
      assert.deepEqual(await write([file(hello)]), expected)
      assert.deepEqual(await write([file(hello, 5)]), expected)
      assert.deepEqual(await write([file(new Uint8Array(hello))]), expected)
      assert.deepEqual(await write([file(cut(hello, 1), 5)]), expected)
      assert.deepEqual(await write([file(pieces(hello, Buffer.alloc(0)), 5)]), expected)
      for (const empty of [undefined, Buffer.alloc(0), pieces()]) {
        assert.deepEqual(await write([file(empty)]), tar(entry()))
      }
    })
    it('are padded to whole blocks', async () => {
      for (const size of [1, 511, 512, 513, 65_535, 65_536, 200_001]) {
        const body = Buffer.alloc(size, 'x')
        for (const given of [body, cut(body, 1000), cut(body, 100_000)]) {
          assert.deepEqual(
            await write([file(given, size), file(hello)]),
            tar(entry({}, body), entry({}, hello)),
          )
        }
      }
    })
    // W10
    const wrong: [name: string, body: TarEntryInput['body'], size: number][] = [
      ['bytes that are too many', hello, 4],
      ['bytes that are too few', hello, 6],
      ['pieces that are too many', cut(hello, 2), 4],
      ['pieces that are too few', cut(hello, 2), 6],
      ['pieces without an end', endless(10), 1005],
      ['nothing', undefined, 1],
      ['no pieces', pieces(), 1],
      ['bytes for nothing', hello, 0],
      ['pieces for nothing', cut(hello, 2), 0],
    ]
    for (const [name, body, size] of wrong) {
      it(`${name} are an error`, async () => {
        assert.equal(await codeOf(write([file(body, size)])), 'ERR_ARCHIVE_BODY_SIZE')
      })
    }
    it('of what is no file are an error', async () => {
      const directory = { name: 'd', type: 'directory' } as const
      assert.equal(await codeOf(write([{ ...directory, size: 0, body: hello }])), 'ERR_ARCHIVE_BODY_SIZE')
      assert.equal(await codeOf(write([{ ...directory, body: cut(hello, 1) }])), 'ERR_ARCHIVE_BODY_SIZE')
      assert.equal(await codeOf(write([{ ...directory, body: hello }])), 'ERR_OUT_OF_RANGE')
    })
    it('that fail make the stream fail with the same error', async () => {
      const failure = new Error('of the body')
      const body = (async function* () {
        yield hello
        throw failure
      })()
      await assert.rejects(write([file(body, 10)]), (error) => error === failure)
    })
    for (const { name, size, bytes } of large) {
      it(`of many GiB begin with: ${name}`, async () => {
        const parts: Uint8Array[] = []
        let length = 0
        for await (const part of fromEntries([file(endless(100_000), size)])) {
          parts.push(part as Uint8Array)
          length += (part as Uint8Array).length
          if (length > 10_000) break
        }
        assert.deepEqual(
          Buffer.concat(parts).subarray(0, bytes.length + 512),
          Buffer.concat([bytes, Buffer.alloc(512)]),
        )
      })
    }
  })

  describe('entries', () => {
    it('come from any iterable', async () => {
      const list = [file(Buffer.from('x')), { name: 'd', type: 'directory' } as const]
      const expected = tar(entry({}, 'x'), entry({ name: 'd/', type: '5', mode: 0o755 }))
      const one = function* (): Generator<TarEntryInput> {
        yield* list
      }
      const other = async function* (): AsyncGenerator<TarEntryInput> {
        yield* list
      }
      for (const iterable of [list, new Set(list), one(), other()])
        assert.deepEqual(await write(iterable), expected)
    })
    it('that were read are written as they were', async () => {
      const attributes = pax(
        [
          ['mtime', '1.5'],
          ['SCHILY.xattr.user.x', '\0\xff'],
        ],
        { mode: 0o644 },
      )
      const bytes = tar(
        entry({ name: 'd/', type: '5', mode: 0o1777 }),
        attributes,
        entry({ name: 'd/f', mode: 0, mtime: 1 }, 'contents'),
        entry({ name: 'd/h', type: '1', linkname: 'd/f' }),
        entry({ name: 'd/n', type: '3', major: 1, minor: 3 }),
      )
      for (const size of [1, 512, bytes.length])
        assert.deepEqual(await write(entries(cut(bytes, size))), bytes)
    })
    it('may be changed on the way', async () => {
      const bytes = tar(entry({ name: 'a' }, 'x'), entry({ name: 'b' }, 'y'), entry({ name: 'c' }, 'z'))
      const changed = (async function* () {
        for await (const one of entries(pieces(bytes))) {
          if (one.name.toString() !== 'b') yield { ...one, name: `dir/${one.name.toString()}`, uid: 7 }
        }
      })()
      assert.deepEqual(
        (await readAll(pieces(await write(changed)))).map(({ name, uid, body }) => [
          name.toString(),
          uid,
          body.toString(),
        ]),
        [
          ['dir/a', 7, 'x'],
          ['dir/c', 7, 'z'],
        ],
      )
    })
    it('names and link names of text are UTF-8', async () => {
      const [only] = await readAll(pieces(await write([{ name: 'é', type: 'symlink', linkname: '日本' }])))
      assert.equal(only?.name.toString(), 'é')
      assert.equal(only.linkname?.toString(), '日本')
    })
    it('are read only as far as the stream is', async () => {
      let asked = 0
      const list = function* (): Generator<TarEntryInput> {
        for (; asked < 1000; asked++) yield file(Buffer.alloc(100_000))
      }
      const stream = fromEntries(list())
      await first(stream)
      assert(asked < 10, `${asked} entries were asked for`)
    })
    it('end, and the body too, when the stream is destroyed', async () => {
      const ended: string[] = []
      const body = (async function* () {
        try {
          for (;;) yield Buffer.alloc(10_000)
        } finally {
          ended.push('body')
        }
      })()
      const list = (async function* () {
        try {
          yield file(body, 1e9)
        } finally {
          ended.push('entries')
        }
      })()
      const stream = fromEntries(list)
      await first(stream)
      // It says of itself that it was stopped, as an error.
      if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve))
      assert.deepEqual(ended, ['body', 'entries'])
    })
    it('end when one of them is refused', async () => {
      let ended = false
      const list = (function* (): Generator<TarEntryInput> {
        try {
          yield { name: '', type: 'file' }
        } finally {
          ended = true
        }
      })()
      assert.equal(await codeOf(write(list)), 'ERR_INVALID_ARG_VALUE')
      assert(ended)
    })
    it('that fail make the stream fail with the same error', async () => {
      const failure = new Error('of the entries')
      const list = (function* (): Generator<TarEntryInput> {
        yield file(undefined)
        throw failure
      })()
      await assert.rejects(write(list), (error) => error === failure)
    })
    it('come in pieces of a size', async () => {
      const sizes: number[] = []
      for await (const part of fromEntries(Array<TarEntryInput>(1000).fill(file(Buffer.from('x'))))) {
        sizes.push((part as Uint8Array).length)
      }
      assert.equal(
        sizes.reduce((sum, size) => sum + size),
        1000 * 1024 + 1024,
      )
      assert(sizes.length < 30, `${sizes.length} pieces`)
    })
  })

  it('is a stream of bytes', async () => {
    const stream = fromEntries([])
    assert.equal(stream.readableObjectMode, false)
    assert.deepEqual(await gather(stream as AsyncIterable<Uint8Array>), Buffer.alloc(1024))
  })

  describe('arguments', () => {
    for (const value of [undefined, null, 1, {}, () => []]) {
      it(`${typeof value} is no iterable: thrown at once`, () => {
        assert.throws(() => fromEntries(value as never), { code: 'ERR_INVALID_ARG_TYPE' })
      })
    }
    const good: TarEntryInput = { name: 'x', type: 'file' }
    const type = 'ERR_INVALID_ARG_TYPE'
    const value = 'ERR_INVALID_ARG_VALUE'
    const range = 'ERR_OUT_OF_RANGE'
    const wrong: [name: string, entry: unknown, code: string][] = [
      ['an entry that is none', 'x', type],
      ['no entry', null, type],
      ['no name', { type: 'file' }, type],
      ['an empty name', { ...good, name: '' }, value],
      ['a name with NUL', { ...good, name: 'a\0b' }, value],
      ['a name of bytes with NUL', { ...good, name: Buffer.from('a\0b') }, value],
      ['a file with a slash behind its name', { ...good, name: 'x/' }, value],
      ['no type', { name: 'x' }, value],
      ['an unknown type', { ...good, type: 'socket' }, value],
      ['a fraction of a size', { ...good, size: 1.5 }, range],
      ['a negative size', { ...good, size: -1 }, range],
      ['a size of text', { ...good, size: '1' }, type],
      ['a size of a directory', { ...good, type: 'directory', size: 1 }, range],
      ['a mode of 13 bits', { ...good, mode: 0o10000 }, range],
      ['a negative mode', { ...good, mode: -1 }, range],
      ['the uid that is none', { ...good, uid: 4294967295 }, range],
      ['a negative gid', { ...good, gid: -1 }, range],
      ['a time that is no bigint', { ...good, mtime: 0 }, type],
      ['seconds of 65 bits', { ...good, mtime: 2n ** 63n * 1_000_000_000n }, range],
      ['seconds of 65 bits, before 1970', { ...good, mtime: -(2n ** 63n) * 1_000_000_000n - 1n }, range],
      ['a link without a target', { ...good, type: 'link' }, type],
      ['a symlink to nothing', { ...good, type: 'symlink', linkname: '' }, value],
      ['a target with NUL', { ...good, type: 'symlink', linkname: 'a\0' }, value],
      ['a target of a file', { ...good, linkname: 'x' }, value],
      ['a number of a device that is too large', { ...good, type: 'char', major: 2097152 }, range],
      ['a number of no device', { ...good, minor: 1 }, range],
      ['an attribute without a name', { ...good, xattrs: new Map([['', Buffer.alloc(0)]]) }, value],
      ['an attribute with NUL in its name', { ...good, xattrs: new Map([['a\0', Buffer.alloc(0)]]) }, value],
      ['an attribute whose name is no bytes', { ...good, xattrs: new Map([['日', Buffer.alloc(0)]]) }, value],
      ['an attribute of text', { ...good, xattrs: new Map([['user.x', 'text']]) }, type],
      ['a body of text', { ...good, size: 1, body: cutText() }, type],
    ]
    for (const [name, one, code] of wrong) {
      it(`${name}: the stream fails`, async () => {
        assert.equal(await codeOf(write([one as TarEntryInput])), code)
      })
    }
  })
})

async function* cutText(): AsyncGenerator {
  yield 'x'
}
