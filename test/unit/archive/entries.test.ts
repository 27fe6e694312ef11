import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { resolve } from 'node:path'

import { entries } from '#lib/archive/entries.js'
import type { TarEntry } from '#lib/archive/entries.js'
import { codeOf, cut, gather, pieces, readAll } from './support.ts'
import { end, entry, header, long, pax, tar } from './vectors/build.ts'

const abc = tar(
  entry({ name: 'a' }, 'x'.repeat(1000)),
  entry({ name: 'b' }, 'y'.repeat(2000)),
  entry({ name: 'c' }),
)

/** Pieces, and what became of them. */
class Watched implements AsyncIterable<Uint8Array> {
  asked = 0
  ended = 0
  readonly #parts: readonly Uint8Array[]
  readonly #last: Promise<never> | undefined

  /** @param last what the piece after the last one waits for; without it there is none. */
  constructor(parts: readonly Uint8Array[], last?: Promise<never>) {
    this.#parts = parts
    this.#last = last
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (const part of this.#parts) {
        this.asked++
        yield part
      }
      this.asked++
      if (this.#last) await this.#last
    } finally {
      this.ended++
    }
  }
}

async function take(iterator: AsyncGenerator<TarEntry, void, undefined>): Promise<TarEntry> {
  const { value } = await iterator.next()
  assert(value)
  return value
}

const namesOf = async (tar: AsyncIterable<Uint8Array>): Promise<string[]> => {
  const names: string[] = []
  for await (const { name } of entries(tar)) names.push(name.toString())
  return names
}

describe('archive: entries', () => {
  describe('bodies', () => {
    it('are skipped when nobody reads them', async () => {
      for (const size of [abc.length, 512, 1])
        assert.deepEqual(await namesOf(cut(abc, size)), ['a', 'b', 'c'])
    })
    it('are skipped from where the reading stopped', async () => {
      const big = tar(entry({ name: 'a' }, Buffer.alloc(300_000, 'x')), entry({ name: 'b' }, 'tail'))
      for (const size of [big.length, 70_000, 512]) {
        const iterator = entries(cut(big, size))
        for await (const piece of (await take(iterator)).body) {
          assert(piece.length > 0)
          break
        }
        assert.equal((await gather((await take(iterator)).body)).toString(), 'tail')
        assert.equal((await iterator.next()).done, true)
      }
    })
    it('are gone when the next entry was asked for: an error, and no empty file', async () => {
      const iterator = entries(cut(abc, 100))
      const first = await take(iterator)
      await take(iterator)
      assert.equal(await codeOf(gather(first.body)), 'ERR_INVALID_STATE')
      await iterator.return()
    })
    it('that were read stay read', async () => {
      const iterator = entries(pieces(abc))
      const first = await take(iterator)
      assert.equal((await gather(first.body)).length, 1000)
      assert.equal((await gather(first.body)).length, 0)
      await take(iterator)
      assert.equal((await gather(first.body)).length, 0)
      await iterator.return()
    })
    it('may be read while the next entry is asked for: whole, or with an error', async () => {
      for (const size of [1, 10, 512, abc.length]) {
        const iterator = entries(cut(abc, size))
        const first = await take(iterator)
        const reading = gather(first.body).then(
          ({ length }) => length,
          (error) => (error as { code: string }).code,
        )
        const second = await take(iterator)
        assert.equal(second.name.toString(), 'b')
        assert(([1000, 'ERR_INVALID_STATE'] as unknown[]).includes(await reading))
        assert.equal((await gather(second.body)).length, 2000)
        await iterator.return()
      }
    })
    it('of many MiB arrive whole', async () => {
      const body = Buffer.alloc(20 * 1024 * 1024)
      for (let i = 0; i < body.length; i += 4) body.writeUInt32LE(i, i)
      const [only] = await readAll(pieces(tar(entry({}, body))))
      assert(only)
      assert(only.body.equals(body))
    })
  })

  describe('the source', () => {
    it('is read only as far as the caller has come', async () => {
      const source = new Watched([
        header({ name: 'a', size: 1024 }),
        Buffer.alloc(512),
        Buffer.alloc(512),
        entry({ name: 'b' }),
        end,
      ])
      const iterator = entries(source)
      assert.equal(source.asked, 0)
      const { body } = await take(iterator)
      assert.equal(source.asked, 1)
      const bytes = body[Symbol.asyncIterator]()
      await bytes.next()
      assert.equal(source.asked, 2)
      await bytes.next()
      assert.equal(source.asked, 3)
      assert.equal((await bytes.next()).done, true)
      assert.equal(source.asked, 3)
      await take(iterator)
      assert.equal(source.asked, 4)
      await iterator.return()
      assert.deepEqual([source.asked, source.ended], [4, 1])
    })
    it('that never ends does not hold up what has come', async () => {
      const source = new Watched([abc.subarray(0, 1536)], new Promise<never>(() => undefined))
      const iterator = entries(source)
      const { body } = await take(iterator)
      assert.equal((await gather(body)).length, 1000)
      await iterator.return()
      assert.deepEqual([source.asked, source.ended], [1, 1])
    })
    it('is not touched when nothing is asked for', async () => {
      const source = new Watched([abc])
      await entries(source).return()
      assert.deepEqual([source.asked, source.ended], [0, 0])
    })
    it('is ended when the caller stops: between entries, in a body, at an error of its own', async () => {
      const parts = [abc.subarray(0, 700), abc.subarray(700)]
      for (const stop of ['entry', 'body', 'throw'] as const) {
        const source = new Watched(parts)
        const reading = (async () => {
          for await (const { body } of entries(source)) {
            if (stop === 'throw') throw Object.assign(new Error(), { code: 'MINE' })
            if (stop === 'entry') break
            for await (const _ of body) return
          }
        })()
        if (stop === 'throw') assert.equal(await codeOf(reading), 'MINE')
        else await reading
        assert.equal(source.ended, 1, stop)
      }
    })
    it('is ended when the archive is refused', async () => {
      const source = new Watched([abc.subarray(0, 512), Buffer.alloc(2000, 1), Buffer.alloc(2000, 1)])
      assert.equal(await codeOf(namesOf(source)), 'ERR_ARCHIVE_FORMAT')
      assert.equal(source.ended, 1)
    })
    it('is read to its end, so that nobody waits who writes it', async () => {
      const source = new Watched([abc, Buffer.alloc(9000), Buffer.alloc(9000, 1)])
      assert.deepEqual(await namesOf(source), ['a', 'b', 'c'])
      assert.deepEqual([source.asked, source.ended], [4, 1])
    })
    it('may fail at any time: that error comes out as it is', async () => {
      const failure = new Error('of the source')
      for (const bytes of [0, 100, 512, 700, 1536, abc.length]) {
        const reading = namesOf(
          (async function* () {
            if (bytes > 0) yield abc.subarray(0, bytes)
            throw failure
          })(),
        )
        await assert.rejects(reading, (error) => error === failure)
      }
    })
    it('of 10,000 entries in one piece', async () => {
      const one = entry({ name: 'n' }, 'x')
      const names = await namesOf(pieces(Buffer.concat([...Array<Buffer>(10_000).fill(one), end])))
      assert.equal(names.length, 10_000)
    })
  })

  describe('a refusal', () => {
    const good = [entry({ name: 'one' }, 'first'), entry({ name: 'two' }, 'second')]
    const bad = Buffer.concat([...good, header({ name: 'three', uid: 'x' })])
    it('comes behind all that was good before it, bodies too, however the archive is cut', async () => {
      for (const size of [bad.length, 512, 7]) {
        const seen: string[] = []
        const reading = (async () => {
          for await (const { name, body } of entries(cut(bad, size))) {
            seen.push(name.toString(), (await gather(body)).toString())
          }
        })()
        assert.equal(await codeOf(reading), 'ERR_ARCHIVE_FORMAT')
        assert.deepEqual(seen, ['one', 'first', 'two', 'second'])
      }
    })
    it('ends the reading of a body, too', async () => {
      const iterator = entries(pieces(abc.subarray(0, 700)))
      const { body } = await take(iterator)
      assert.equal(await codeOf(gather(body)), 'ERR_ARCHIVE_TRUNCATED')
      assert.equal(await codeOf(iterator.next()), 'ERR_ARCHIVE_TRUNCATED')
    })
    const messages: [name: string, bytes: Buffer, message: RegExp][] = [
      ['of a number', bad, /^its uid is no number, in entry 3 "three" at byte 2048$/],
      [
        'of a checksum',
        Buffer.concat([...good, Buffer.alloc(512, 1)]),
        /^a header with a wrong checksum, in entry 3 at byte 2048$/,
      ],
      ['of a PAX record', tar(pax('x')), /^a PAX record without a length, in entry 1 at byte 0$/],
      [
        'behind a PAX path',
        tar(pax([['path', 'a"\n']]), entry({ uid: 'x' })),
        /^its uid is no number, in entry 1 "a\\"\\n" at byte 1024$/,
      ],
      [
        'of a name of bytes',
        tar(entry({ name: '\xff\x1b"', uid: 'x' })),
        /^its uid is no number, in entry 1 "\\xff\\x1b\\x22" at byte 0$/,
      ],
      [
        'of a long name',
        tar(long('L', 'd/'.repeat(3000)), entry()),
        /^a name of more than 4095 bytes, in entry 1 "(d\/){60}"… at byte 6656$/,
      ],
      [
        'of a cut body',
        abc.subarray(0, 2100),
        /^the archive ends within a body, in entry 2 "b" at byte 1536$/,
      ],
      [
        'of a cut padding',
        abc.subarray(0, 1530),
        /^the archive ends within the padding of a body, in entry 1 "a" at byte 0$/,
      ],
      [
        'of a cut header',
        abc.subarray(0, 1600),
        /^the archive ends within a header, in entry 2 at byte 1536$/,
      ],
      ['of an unknown type', tar(entry({ type: 'V' })), /^the type "V", in entry 1 "f" at byte 0$/],
      [
        'of a sparse file in the old format of GNU tar',
        tar(entry({ type: 'S' })),
        /^a sparse file in the old format of GNU tar \(type "S"\), .* without --sparse .*, in entry 1 "f" at byte 0$/,
      ],
      [
        'of a sparse file in PAX records',
        tar(pax([['GNU.sparse.major', '1']]), entry()),
        /^a sparse file in PAX records of GNU tar, .* without --sparse /,
      ],
    ]
    for (const [name, bytes, message] of messages) {
      it(`says what and where: ${name}`, async () => {
        await assert.rejects(namesOf(pieces(bytes)), { name: 'GraphDriverError', message })
      })
    }
  })

  describe('arguments', () => {
    const wrong: [name: string, call: () => unknown, code: string][] = [
      ['no source', () => entries(undefined as never), 'ERR_INVALID_ARG_TYPE'],
      ['a string', () => entries('x' as never), 'ERR_INVALID_ARG_TYPE'],
      ['a Buffer', () => entries(abc as never), 'ERR_INVALID_ARG_TYPE'],
      ['options that are none', () => entries(pieces(), 1 as never), 'ERR_INVALID_ARG_TYPE'],
      ['limits that are none', () => entries(pieces(), { limits: 1 as never }), 'ERR_INVALID_ARG_TYPE'],
      [
        'a limit that there is not',
        () => entries(pieces(), { limits: { byte: 1 } as never }),
        'ERR_INVALID_ARG_VALUE',
      ],
      [
        'a limit of text',
        () => entries(pieces(), { limits: { bytes: '1' as never } }),
        'ERR_INVALID_ARG_TYPE',
      ],
      ['a negative limit', () => entries(pieces(), { limits: { entries: -1 } }), 'ERR_OUT_OF_RANGE'],
      [
        'a limit that is no whole number',
        () => entries(pieces(), { limits: { path: 1.5 } }),
        'ERR_OUT_OF_RANGE',
      ],
      ['a limit that is NaN', () => entries(pieces(), { limits: { ratio: NaN } }), 'ERR_OUT_OF_RANGE'],
    ]
    for (const [name, call, code] of wrong) {
      it(`${name}: thrown at once`, () => {
        assert.throws(call, { code })
      })
    }
    it('Infinity is no limit', async () => {
      const limits = { entries: Infinity, path: Infinity, component: Infinity, extendedHeader: Infinity }
      const name = 'x'.repeat(2_000_000)
      const [only] = await readAll(pieces(tar(pax([['path', name]]), entry())), { limits })
      assert.equal(only?.name.length, 2_000_000)
    })
  })

  it('needs no addon', () => {
    const module = pathToFileURL(resolve(import.meta.dirname, '../../../dist/archive/entries.js')).href
    const script = `
      const { entries } = await import(${JSON.stringify(module)})
      for await (const { name } of entries(process.stdin)) console.log(name.toString())`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      input: abc,
      encoding: 'utf8',
      env: { ...process.env, GRAPHDRIVER_NATIVE: '/nowhere/graphdriver.node' },
    })
    assert.deepEqual([stdout, stderr], ['a\nb\nc\n', ''])
  })
})
