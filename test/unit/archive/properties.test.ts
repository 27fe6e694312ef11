import assert from 'node:assert/strict'
import fc from 'fast-check'

import type { EntryType } from '#lib/archive/entry.js'
import type { TarEntryInput } from '#lib/archive/from-entries.js'
import { LONG } from '../../figures.ts'
import { archives, mutate, mutation, repaired } from './mutations.ts'
import { cut, pieces, readAll, write } from './support.ts'
import type { Listed } from './vectors/index.ts'

const runs = { seed: 20141, numRuns: LONG ? 5000 : 150 }
const mutations = { seed: 20142, numRuns: LONG ? 100_000 : 3000 }

/** Bytes of a name: text, other bytes, and at times too many for a header. */
const part = fc.oneof(
  fc
    .string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
    .map((text) => Buffer.from(text).subarray(0, 255)),
  fc.uint8Array({ minLength: 1, maxLength: 255 }).map((bytes) => Buffer.from(bytes)),
  fc.integer({ min: 1, max: 255 }).map((size) => Buffer.alloc(size, 'n')),
)
const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => {
  const clean = parts.map((bytes) =>
    Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x5f : byte))),
  )
  return Buffer.concat(clean.flatMap((bytes, i) => (i === 0 ? [bytes] : [Buffer.from('/'), bytes])))
})
const id = fc.oneof(
  fc.integer({ min: 0, max: 70_000 }),
  fc.integer({ min: 2097150, max: 2097153 }),
  fc.integer({ min: 0, max: 0xfffffffe }),
)
const time = fc.oneof(
  fc.bigInt({ min: 0n, max: 2_000_000_000n }).map((seconds) => seconds * 1_000_000_000n),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 63n) * 10n ** 9n, max: 2n ** 63n * 10n ** 9n - 1n }),
)
const xattrs = fc
  .array(
    fc.tuple(
      fc
        .uint8Array({ minLength: 1, maxLength: 60 })
        .map((bytes) => Buffer.from(bytes.map((byte) => byte || 1)).toString('latin1')),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 4 },
  )
  .map((pairs) => new Map(pairs))
const bytes = fc.uint8Array({ maxLength: 3000, size: 'max' }).map((array) => Buffer.from(array))

const entry: fc.Arbitrary<Listed> = fc
  .record({
    type: fc.constantFrom<EntryType>('file', 'link', 'symlink', 'char', 'block', 'directory', 'fifo'),
    name: path,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: id,
    gid: id,
    mtime: time,
    linkname: path,
    major: fc.integer({ min: 0, max: 0o7777777 }),
    minor: fc.integer({ min: 0, max: 0o7777777 }),
    xattrs,
    body: bytes,
  })
  .map(({ type, name, linkname, major, minor, body, ...rest }) => {
    const device = type === 'char' || type === 'block'
    const contents = type === 'file' ? body : Buffer.alloc(0)
    return {
      ...rest,
      type,
      name: type === 'directory' ? Buffer.concat([name, Buffer.from('/')]) : name,
      size: contents.length,
      linkname: type === 'link' || type === 'symlink' ? linkname : undefined,
      major: device ? major : 0,
      minor: device ? minor : 0,
      body: contents,
    }
  })

const inPieces = (list: readonly Listed[], size: number): TarEntryInput[] =>
  list.map(({ body, ...head }) => ({ ...head, body: cut(body, size) }))

async function outcome(tar: AsyncIterable<Uint8Array>): Promise<unknown> {
  try {
    return await readAll(tar, { limits: { bytes: 1_000_000 } })
  } catch (error) {
    const { code } = error as { code?: unknown }
    assert.match(String(code), /^ERR_ARCHIVE_(FORMAT|TRUNCATED|LIMIT|UNSUPPORTED)$/, String(error))
    return code
  }
}

describe('archive properties', function () {
  this.timeout(LONG ? 900_000 : 120_000)
  before(() =>
    console.log(`      ${mutations.numRuns} mutations${LONG ? '' : ' (more with GRAPHDRIVER_LONG=1)'}`),
  )

  it('what is written is read again, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 6 }),
        fc.integer({ min: 1, max: 5000 }),
        async (list, size) => {
          const written = await write(inPieces(list, size))
          assert.deepEqual(await readAll(cut(written, size)), list)
        },
      ),
      runs,
    )
  })
  it('the same entries give the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 4 }),
        fc.integer({ min: 1, max: 5000 }),
        async (list, size) => {
          const shuffled = list.map((one) => ({ ...one, xattrs: new Map([...one.xattrs].reverse()) }))
          assert((await write(list)).equals(await write(inPieces(shuffled, size))))
        },
      ),
      runs,
    )
  })
  it('what was changed at random is read or refused, the same way however it is cut', async () => {
    const seen = new Set<unknown>()
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...archives),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 2000 }),
        async (archive, changes, repair, size) => {
          const changed = changes.reduce(mutate, archive)
          const tar = repair ? repaired(changed) : changed
          const first = await outcome(pieces(tar))
          seen.add(Array.isArray(first) ? 'list' : first)
          assert.deepEqual(await outcome(cut(tar, size)), first)
        },
      ),
      mutations,
    )
    // Else the mutations are too tame, or too wild.
    assert.deepEqual([...seen].sort(), [
      'ERR_ARCHIVE_FORMAT',
      'ERR_ARCHIVE_LIMIT',
      'ERR_ARCHIVE_TRUNCATED',
      'ERR_ARCHIVE_UNSUPPORTED',
      'list',
    ])
  })
})
