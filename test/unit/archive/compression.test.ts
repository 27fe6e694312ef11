import assert from 'node:assert/strict'
import * as zlib from 'node:zlib'

import { decompress, findCompression } from '#lib/archive/compression.js'
import { Pull } from '#lib/archive/pull.js'
import { tarBytes } from '#lib/archive/source.js'
import type { TarBytesOptions } from '#lib/archive/source.js'
import { unlessLong } from '../../figures.ts'
import { itUnless } from '../../skip.ts'
import { codeOf, cut, gather, noise, pieces } from './support.ts'
import { entry, tar } from './vectors/build.ts'

const small = tar(entry({ name: 'a' }, 'contents'))
const mebi = 1024 * 1024

const read = async (source: AsyncIterable<Uint8Array>, options?: TarBytesOptions): Promise<Buffer> =>
  gather(tarBytes(source, options))
const refusal = async (bytes: Buffer, size: number, options?: TarBytesOptions): Promise<unknown> =>
  codeOf(read(cut(bytes, size), options))

const zstdCompress = (zlib as { zstdCompressSync?: (bytes: Buffer) => Buffer }).zstdCompressSync
/** "tar\n", as zstd(1) writes it. */
const zstdFrame = Buffer.from('28b52ffd04582100007461720a61959811', 'hex')

describe('archive: compression', () => {
  describe('gzip', () => {
    const packed = zlib.gzipSync(small)
    it('is recognized and decompressed, in pieces of any size', async () => {
      for (const size of [1, 2, 3, 17, packed.length]) assert.deepEqual(await read(cut(packed, size)), small)
    })
    it('of noise, larger than all buffers', async () => {
      const bytes = tar(entry({}, noise(3 * mebi)))
      for (const size of [1000, 65_536, 10 * mebi])
        assert.deepEqual(await read(cut(zlib.gzipSync(bytes), size)), bytes)
    })
    it('has many members', async () => {
      const members = Buffer.concat(
        [small.subarray(0, 5), small.subarray(5, 600), small.subarray(600)].map((part) =>
          zlib.gzipSync(part),
        ),
      )
      for (const size of [1, 20, members.length]) assert.deepEqual(await read(cut(members, size)), small)
    })
    it('has members of nothing', async () => {
      const nothing = zlib.gzipSync(Buffer.alloc(0))
      assert.deepEqual(await read(cut(Buffer.concat([nothing, packed, nothing]), 9)), small)
      assert.equal((await read(cut(nothing, 1))).length, 0)
    })
    it('may be padded with zeros', async () => {
      for (const zeros of [1, 511, 100_000]) {
        const padded = Buffer.concat([packed, Buffer.alloc(zeros)])
        for (const size of [1 + (zeros >> 9), padded.length])
          assert.deepEqual(await read(cut(padded, size)), small)
      }
    })
    it('is refused with anything else behind it', async () => {
      for (const rest of [
        Buffer.from('xy'),
        Buffer.from('\0x'),
        Buffer.concat([Buffer.alloc(70_000), Buffer.from('x')]),
        small,
      ]) {
        const bytes = Buffer.concat([packed, rest])
        for (const size of [1 + (rest.length >> 9), packed.length, bytes.length]) {
          assert.equal(await refusal(bytes, size), 'ERR_ARCHIVE_FORMAT')
        }
      }
    })
    it('is refused when it is cut, wherever', async () => {
      for (let length = 2; length < packed.length; length++) {
        assert.equal(await refusal(packed.subarray(0, length), 100), 'ERR_ARCHIVE_TRUNCATED', String(length))
      }
      const second = Buffer.concat([packed, packed.subarray(0, 5)])
      assert.equal(await refusal(second, second.length), 'ERR_ARCHIVE_TRUNCATED')
    })
    it('is refused when it is damaged', async () => {
      for (const at of [2, 3, 20, packed.length - 8, packed.length - 4]) {
        const bytes = Buffer.from(packed)
        bytes[at] = (bytes[at] ?? 0) ^ 0xff
        assert.match(String(await refusal(bytes, 50)), /^ERR_ARCHIVE_(FORMAT|TRUNCATED)$/)
      }
      const method = Buffer.from('\x1f\x8b\x07\0\0\0\0\0\0\0', 'latin1')
      await assert.rejects(read(pieces(method)), (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_ARCHIVE_FORMAT')
        assert.match(error.message, /^gzip: /)
        return error.cause instanceof Error
      })
    })
  })

  describe('a bomb', () => {
    const member = zlib.gzipSync(Buffer.alloc(10 * mebi), { level: 9 })
    assert(10 * mebi > 1000 * member.length, 'zeros are compressed well')
    /** 10 MiB of zeros, again and again. */
    async function* zeros(count: number): AsyncGenerator<Uint8Array, void, undefined> {
      for (let i = 0; i < count; i++) yield Buffer.from(member)
    }
    async function ending(chunks: AsyncIterable<Uint8Array>): Promise<{ total: number; code: unknown }> {
      let total = 0
      try {
        for await (const chunk of chunks) total += chunk.length
      } catch (error) {
        return { total, code: (error as { code?: unknown }).code }
      }
      return { total, code: undefined }
    }
    const inflated = (
      count: number,
      ratio: number,
      from?: number,
    ): Promise<{ total: number; code: unknown }> =>
      ending(decompress(new Pull(zeros(count), undefined), findCompression(member)!, ratio, from))

    it('is refused where it goes on beyond what may come of anything, and takes no memory', async () => {
      const before = process.memoryUsage.rss()
      const { total, code } = await inflated(20, 1000, 50 * mebi)
      assert.equal(code, 'ERR_ARCHIVE_LIMIT')
      assert(total <= 50 * mebi && total > 49 * mebi, `${total} bytes came out`)
      const growth = process.memoryUsage.rss() - before
      assert(growth < 32 * mebi, `${growth} bytes more memory`)
    })
    it('is none up to there, or where the limit allows it', async () => {
      assert.deepEqual(await inflated(5, 1000, 50 * mebi), { total: 50 * mebi, code: undefined })
      assert.deepEqual(await inflated(6, 1100, 50 * mebi), { total: 60 * mebi, code: undefined })
      assert.deepEqual(await inflated(6, Infinity, 0), { total: 60 * mebi, code: undefined })
    })
    it('is no layer that holds a file of zeros', async () => {
      assert.deepEqual(await ending(tarBytes(zeros(30))), { total: 300 * mebi, code: undefined })
    })
    itUnless(
      unlessLong('it makes 2 GB'),
      'is refused beyond a GiB, which may come of anything',
      async function () {
        this.timeout(120_000)
        const { total, code } = await ending(tarBytes(zeros(200)))
        assert.equal(code, 'ERR_ARCHIVE_LIMIT')
        assert(total <= 1024 * mebi && total > 1023 * mebi, `${total} bytes came out`)
      },
    )
    it('ends earlier where there is a limit of bytes', async () => {
      const limited = await ending(tarBytes(zeros(5), { limits: { bytes: 3 * mebi } }))
      assert.deepEqual(limited, { total: 3 * mebi, code: 'ERR_ARCHIVE_LIMIT' })
    })
  })

  describe('other compressions', () => {
    for (const [name, start] of [
      ['xz', '\xfd7zXZ\0\0\x04'],
      ['bzip2', 'BZh91AY&SY'],
    ] as const) {
      it(`${name} is refused by its name`, async () => {
        const bytes = Buffer.concat([Buffer.from(start, 'latin1'), Buffer.alloc(1000, 'x')])
        for (const size of [1, bytes.length]) {
          await assert.rejects(read(cut(bytes, size)), {
            code: 'ERR_ARCHIVE_UNSUPPORTED',
            message: new RegExp(name),
          })
        }
      })
    }
    if (zstdCompress === undefined) {
      it('zstd, which this Node.js does not have, is refused by its name', async () => {
        for (const size of [1, zstdFrame.length]) {
          await assert.rejects(read(cut(zstdFrame, size)), {
            code: 'ERR_ARCHIVE_UNSUPPORTED',
            message: /zstd.*22\.15/,
          })
        }
      })
      itUnless('this Node.js has no zstd: needs 22.15', 'zstd is decompressed', () => undefined)
    } else {
      const packed = zstdCompress(small)
      it('zstd is decompressed: frames, and frames to skip', async () => {
        assert.equal((await read(pieces(zstdFrame))).toString(), 'tar\n')
        const skipped = Buffer.from('502a4d1804000000aabbccdd', 'hex')
        for (const bytes of [packed, Buffer.concat([skipped, packed]), Buffer.concat([packed, skipped])]) {
          for (const size of [1, 9, bytes.length]) assert.deepEqual(await read(cut(bytes, size)), small)
        }
        const frames = Buffer.concat([
          zstdCompress(small.subarray(0, 700)),
          zstdCompress(small.subarray(700)),
        ])
        for (const size of [1, 9, frames.length]) assert.deepEqual(await read(cut(frames, size)), small)
      })
      it('zstd is refused when it is cut or damaged, or has more behind it', async () => {
        for (let length = 4; length < packed.length; length++) {
          assert.equal(
            await refusal(packed.subarray(0, length), 100),
            'ERR_ARCHIVE_TRUNCATED',
            String(length),
          )
        }
        for (const rest of ['x', 'rubbish and more']) {
          const bytes = Buffer.concat([packed, Buffer.from(rest)])
          for (const size of [packed.length, bytes.length]) {
            assert.match(String(await refusal(bytes, size)), /^ERR_ARCHIVE_(FORMAT|TRUNCATED)$/)
          }
        }
        const zeros = zstdCompress(Buffer.alloc(100 * mebi))
        assert.equal((await read(pieces(zeros))).length, 100 * mebi)
      })
    }
  })
})
