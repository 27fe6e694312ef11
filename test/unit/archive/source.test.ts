import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import * as zlib from 'node:zlib'

import { tarBytes } from '#lib/archive/source.js'
import type { TarBytesOptions, TarSource } from '#lib/archive/source.js'
import { codeOf, cut, gather, noise, pieces, readAll } from './support.ts'
import { entry, tar } from './vectors/build.ts'

const small = tar(entry({ name: 'a' }, 'contents'))
const mebi = 1024 * 1024

const read = async (source: TarSource, options?: TarBytesOptions): Promise<Buffer> =>
  gather(tarBytes(source, options))
describe('archive: source', () => {
  let directory: string
  before(() => (directory = mkdtempSync(join(tmpdir(), 'graphdriver-archive-'))))
  after(() => rmSync(directory, { recursive: true }))

  describe('plain', () => {
    it('passes as it is, in pieces of any size', async () => {
      for (const size of [1, 7, 511, 512, 513, small.length])
        assert.deepEqual(await read(cut(small, size)), small)
    })
    it('may be empty, and so may be its pieces', async () => {
      const empty = new Uint8Array(0)
      assert.equal((await read(pieces())).length, 0)
      assert.equal((await read(pieces(empty, empty))).length, 0)
      assert.deepEqual(await read(pieces(empty, small, empty)), small)
    })
    it('may be a stream, or bytes of another kind', async () => {
      assert.deepEqual(await read(Readable.from([small])), small)
      assert.deepEqual(await read(pieces(new Uint8Array(small))), small)
    })
    it('is plain when its first name begins like a compressed stream', async () => {
      for (const name of ['\x1f\x8b\x08', 'BZh91AY&SY', '\xfd7zXZ', '\x28\xb5\x2f\xfd']) {
        const bytes = tar(entry({ name }, 'x'))
        for (const size of [1, 100, bytes.length]) assert.deepEqual(await read(cut(bytes, size)), bytes)
        assert.equal((await readAll(pieces(bytes)))[0]?.name.toString('latin1'), name)
      }
    })
    it('is anything that is not known to be compressed', async () => {
      for (const bytes of [Buffer.from('x'), Buffer.from('\x1f'), Buffer.from('BZ'), Buffer.alloc(2000, 7)]) {
        assert.deepEqual(await read(cut(bytes, 1)), bytes)
      }
    })
    it('refuses pieces that are no bytes', async () => {
      for (const piece of ['text', 1, undefined, {}]) {
        const source = Readable.from([piece === undefined ? {} : piece]) as AsyncIterable<Uint8Array>
        assert.equal(await codeOf(read(source)), 'ERR_INVALID_ARG_TYPE')
      }
    })
  })

  describe('bytes', () => {
    it('are limited after decompression; all within the limit come out', async () => {
      for (const bytes of [small, zlib.gzipSync(small)]) {
        assert.deepEqual(await read(cut(bytes, 100), { limits: { bytes: small.length } }), small)
        for (const limit of [0, 1, 512, small.length - 1]) {
          const parts: Uint8Array[] = []
          const reading = (async () => {
            for await (const part of tarBytes(cut(bytes, 100), { limits: { bytes: limit } })) parts.push(part)
          })()
          assert.equal(await codeOf(reading), 'ERR_ARCHIVE_LIMIT')
          assert.deepEqual(Buffer.concat(parts), small.subarray(0, limit))
        }
      }
    })
  })

  describe('a FileHandle', () => {
    it('is read from where it stands, to its end, and not closed', async () => {
      for (const bytes of [small, zlib.gzipSync(small), tar(entry({}, noise(mebi)))]) {
        const path = join(directory, 'file')
        writeFileSync(path, Buffer.concat([Buffer.from('before'), bytes]))
        const file = await open(path)
        try {
          await file.read(Buffer.alloc(6), 0, 6, null)
          assert.deepEqual(await read(file), bytes.equals(zlib.gzipSync(small)) ? small : bytes)
          assert.equal((await file.stat()).size, bytes.length + 6)
        } finally {
          await file.close()
        }
      }
    })
    it('stays open when the reading is stopped or fails', async () => {
      const path = join(directory, 'other')
      writeFileSync(path, Buffer.alloc(mebi, 1))
      const file = await open(path)
      try {
        for await (const chunk of tarBytes(file)) {
          assert(chunk.length > 0)
          break
        }
        assert.equal(await codeOf(readAll(tarBytes(file))), 'ERR_ARCHIVE_FORMAT')
        assert.equal((await file.stat()).size, mebi)
      } finally {
        await file.close()
      }
    })
    it('that cannot be read fails as it does', async () => {
      const file = await open(directory)
      try {
        assert.equal(await codeOf(read(file)), 'EISDIR')
      } finally {
        await file.close()
      }
    })
  })

  describe('the end', () => {
    /** Endless; tells when it was ended. */
    class Endless implements AsyncIterable<Uint8Array> {
      ended = 0
      readonly #start: Uint8Array
      constructor(start: Uint8Array) {
        this.#start = start
      }
      async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
        try {
          yield this.#start
          for (;;) yield Buffer.alloc(1000)
        } finally {
          this.ended++
        }
      }
    }
    it('comes early when the caller wants no more, decompressing or not', async () => {
      for (const start of [small, zlib.gzipSync(noise(mebi))]) {
        const source = new Endless(start)
        for await (const chunk of tarBytes(source)) {
          assert(chunk.length > 0)
          break
        }
        assert.equal(source.ended, 1)
      }
    })
    it('comes with an error of the source, as it is', async () => {
      const failure = new Error('of the source')
      for (const bytes of [
        Buffer.alloc(0),
        small,
        zlib.gzipSync(small).subarray(0, 30),
        zlib.gzipSync(small),
      ]) {
        const source = (async function* () {
          yield bytes
          throw failure
        })()
        await assert.rejects(read(source), (error) => error === failure)
      }
    })
    it('of a source that cannot be ended', async () => {
      let asked = 0
      const source: AsyncIterable<Uint8Array> = {
        [Symbol.asyncIterator]: () => ({ next: async () => ({ done: asked++ > 3, value: small }) }),
      }
      const bytes = tarBytes(source)
      assert.deepEqual((await bytes.next()).value, small)
      await bytes.return()
      assert.equal(asked, 1)
    })
  })

  describe('a signal', () => {
    const reason = new Error('the reason')
    const byReason = (error: unknown): boolean => error === reason
    it('that is aborted already', async () => {
      let asked = 0
      const source = (async function* () {
        asked++
        yield small
      })()
      await assert.rejects(read(source, { signal: AbortSignal.abort(reason) }), byReason)
      assert.equal(asked, 0)
    })
    it('ends the waiting for a source that never answers', async () => {
      for (const start of [[], [small.subarray(0, 100)], [small], [zlib.gzipSync(small).subarray(0, 40)]]) {
        const controller = new AbortController()
        const source = (async function* () {
          yield* start
          controller.abort(reason)
          await new Promise(() => undefined)
        })()
        await assert.rejects(read(source, { signal: controller.signal }), byReason)
      }
    })
    it('ends a decompression that needs nothing more of the source', async () => {
      const controller = new AbortController()
      const reading = (async () => {
        const bytes = zlib.gzipSync(Buffer.alloc(50 * mebi))
        let total = 0
        for await (const chunk of tarBytes(pieces(bytes), {
          signal: controller.signal,
          limits: { ratio: Infinity },
        })) {
          total += chunk.length
          controller.abort(reason)
          assert(total < mebi)
        }
      })()
      await assert.rejects(reading, byReason)
    })
    it('ends the source, and its late failure disturbs nobody', async () => {
      const controller = new AbortController()
      let ended = false
      let release: (() => void) | undefined
      const source = (async function* () {
        try {
          yield small
          controller.abort(reason)
          await new Promise<void>((resolve) => (release = resolve))
          throw new Error('too late')
        } finally {
          ended = true
        }
      })()
      await assert.rejects(read(source, { signal: controller.signal }), byReason)
      release?.()
      await new Promise((resolve) => setImmediate(resolve))
      assert(ended)
    })
    it('leaves no listener behind', async () => {
      const { signal } = new AbortController()
      let listeners = 0
      const add = signal.addEventListener.bind(signal)
      const remove = signal.removeEventListener.bind(signal)
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        listeners++
        add(...args)
      }
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listeners--
        remove(...args)
      }
      assert.deepEqual(await read(cut(small, 100), { signal }), small)
      assert.equal(listeners, 0)
    })
  })

  it('arguments that are wrong are thrown at once', () => {
    for (const source of [undefined, null, 'x', 1, {}, [small], small, new Map()]) {
      assert.throws(() => tarBytes(source as never), { code: 'ERR_INVALID_ARG_TYPE' })
    }
    assert.throws(() => tarBytes(pieces(), null as never), { code: 'ERR_INVALID_ARG_TYPE' })
  })
})
